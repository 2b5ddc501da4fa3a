"""`cluster` and `dedupe`: texts from arguments and files, tables for people, and the picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.settings import Settings
from openclaw_instructor.testing import WordEngine
from tests.conftest import Command

LINES = [f"{words} number{n}" for n in range(4) for words in ("rose tulip garden", "engine brake tyre")]


@pytest.fixture(autouse=True)
def words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "instructions.yaml").write_text(
        "tasks: {cluster_texts: {enabled: true}, find_duplicates: {enabled: true}}\n"
    )

    def engine(settings: Settings) -> WordEngine:
        return WordEngine(settings=settings)

    monkeypatch.setattr("openclaw_instructor.engine.Engine", engine)


def test_clusters_are_printed_with_words_and_a_typical_text(command: Command, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("\n\n".join(LINES))
    result = command("cluster", "--file", str(tmp_path / "lines.txt"), "--k", "2")
    assert result.status == 0, result.err
    assert "garden" in result.out
    assert "engine" in result.out
    shown = command("cluster", *LINES, "--k", "2", "--json").json
    assert [each["size"] for each in shown["clusters"]] == [4, 4]
    assert "points" not in shown


def test_they_are_drawn(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = command("cluster", *LINES, "--plot", str(tmp_path / "groups.png"))
    assert result.status == 0, result.err
    assert (tmp_path / "groups.png").read_bytes().startswith(b"\x89PNG")
    nowhere = command("cluster", *LINES, "--plot", str(tmp_path / "no" / "groups.png"))
    assert (nowhere.status, "cannot be written" in nowhere.err) == (2, True)


def test_duplicates_are_printed_by_group(command: Command) -> None:
    result = command(
        "dedupe", "pay invoice 2041", "other", "Pay invoice 2041", "pay invoice 2042", "--threshold", "0.5"
    )
    assert result.status == 0, result.err
    assert "2041, 2042" in result.out
    assert "2 distinct, 2 more" in result.err
    assert command("dedupe", "a", "b", "--json").json["groups"] == []


def test_a_hidden_task_says_how_to_show_it(command: Command, home: Path) -> None:
    (home / "instructions.yaml").unlink()
    for name in ("cluster", "dedupe"):
        result = command(name, "a", "b")
        assert result.status == 2
        assert "enabled: true" in result.err
