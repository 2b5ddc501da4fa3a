"""Every file with its state, and the room of deleted ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.errors import UnknownCollection
from openclaw_instructor.index import Index
from tests.index.word_engine import DOCUMENT, ask


def states(index: Index, path: str | None = None) -> dict[str, tuple[str, int]]:
    return {Path(state.file).name: (state.state, state.passages) for state in index.files("docs", path)}


def test_every_state_is_told(docs: Index, folder: Path) -> None:
    (folder / "blank.md").write_text("\n \n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "id_rsa.txt").write_text("a key\n")
    docs.sync()
    (folder / "bread.md").write_text("# Bread\n\nAnother one.\n")
    (folder / "trip.txt").unlink()
    (folder / "fresh.md").write_text("fresh\n")
    found = states(docs)
    assert found.pop("install.md")[0] == "indexed"
    assert {name: state for name, (state, _) in found.items()} == {
        "blank.md": "empty",
        "broken.pdf": "unreadable",
        "id_rsa.txt": "left out",
        "bread.md": "changed",
        "trip.txt": "gone",
        "fresh.md": "new",
    }
    reasons = {Path(state.file).name: state.reason for state in docs.files()}
    assert all(reasons[name] for name in ("broken.pdf", "id_rsa.txt"))
    assert set(states(docs, "guides/")) == {"install.md"}
    assert set(states(docs, "*.md")) == {"install.md", "blank.md", "bread.md", "fresh.md"}
    assert set(states(docs, "id_rsa.txt")) == {"id_rsa.txt"}


def test_a_collection_without_a_sync_has_new_files(index: Index, folder: Path) -> None:
    index.add("docs", [folder], instruction=DOCUMENT)
    assert {state for state, _ in states(index).values()} == {"new"}
    with pytest.raises(UnknownCollection):
        index.files("nope")


def test_compacting_gives_room_back_and_keeps_the_answers(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        text = "\n\n".join(f"## Part {part}\n\nThe words of {number} and {part}." for part in range(20))
        (folder / f"{number}.md").write_text(text)
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync()
    for number in range(1, 60):
        (folder / f"{number}.md").unlink()
    index.sync()
    before = ask(index, "the words of part 7", top_k=20)
    done = index.compact()
    assert done["freed"] == done["before"] - done["after"] > 0
    assert done["after"] == index.settings.index_path.stat().st_size
    assert ask(index, "the words of part 7", top_k=20) == before
    assert index.compact()["freed"] == 0
