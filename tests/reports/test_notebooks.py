"""The notebooks of docs/notebooks: they run from top to bottom, and show what they are saved with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console import ROOT, agrees

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")
notebooks = pytest.importorskip("tests.notebooks")

LARGEST = 300_000


def names() -> list[Path]:
    found: list[Path] = notebooks.NOTEBOOKS
    return found


def test_there_are_two() -> None:
    assert [path.stem for path in names()] == ["inbox-from-twenty-examples", "instructions-as-maps"]


@pytest.mark.parametrize("path", names(), ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_is_saved_with(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = notebooks.nbformat.read(path, as_version=4)
    # Numbers are compared as the kernel computes them, whatever format the tests are run with.
    monkeypatch.delenv("OPENCLAW_INSTRUCTOR_DTYPE", raising=False)
    shown = notebooks.executed(path, tmp_path)
    for before, now in zip(notebooks.texts(saved), notebooks.texts(shown), strict=True):
        assert agrees(before, now), f"saved:\n{before}\nshown now:\n{now}\nIf that is right: make docs"
    kinds = [[sorted(output.get("data", {})) for output in cell.get("outputs", [])] for cell in shown.cells]
    assert kinds == [[sorted(output.get("data", {})) for output in cell.get("outputs", [])] for cell in saved.cells]
    assert any("image/png" in kind or "text/html" in kind for cell in kinds for kind in cell)


@pytest.mark.parametrize("path", names(), ids=lambda path: path.stem)
def test_a_saved_notebook_is_small_and_tells_nothing_of_a_machine(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    assert len(content) < LARGEST
    for place in (str(ROOT), f"{Path.home()}/", "/tmp/", "/home/", "/Users/"):
        assert place not in content
    saved = notebooks.nbformat.read(path, as_version=4)
    assert not [o for cell in saved.cells for o in cell.get("outputs", []) if o.output_type == "error"]
