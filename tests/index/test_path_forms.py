"""Paths as people and agents type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.index.path_filter import PathFilter


@pytest.mark.parametrize("typed", ["~/notes/a.md", "./notes/a.md", "notes/a.md:3-9", "a.md", "~/notes", "notes/*.md"])
def test_a_path_may_be_written_in_many_ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    wanted = {"path": str(tmp_path / "notes" / "a.md"), "place": "notes/a.md"}
    other = {"path": str(tmp_path / "other" / "b.md"), "place": "other/b.md"}
    assert PathFilter(typed).chosen([other, wanted]) == [wanted]
