"""Which passages of a ranking become hits."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.index import Index
from tests.index.word_engine import DOCUMENT, ask


def indexed(index: Index, folder: Path, texts: dict[str, str]) -> Index:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    return index


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_one_long_document_leaves_room_for_the_others(index: Index, tmp_path: Path, mode: str) -> None:
    log = "\n\n".join(f"## Day {day}\n\nPool pump checked, chlorine level {day}." for day in range(150))
    notes = {f"{name}.md": f"# {name}\n\nThe pool of {name} needs water.\n" for name in ("may", "rules", "bill")}
    index = indexed(index, tmp_path / "pool", {"log.md": f"# Log\n\n{log}\n"} | notes)
    result = ask(index, "pool chlorine level", mode=mode, top_k=5)
    assert [Path(hit["file"]).name for hit in result["hits"]].count("log.md") == 2
    assert result["count"] == 5
    # Nothing waits any more: the rest comes of the log.
    assert ask(index, "pool chlorine level", mode=mode, top_k=8)["count"] == 8


def test_other_places_of_the_same_text_are_named(index: Index, tmp_path: Path) -> None:
    text = "The zebra crosses the road at noon.\n"
    copies = {f"copy {number}.txt": text for number in range(9)}
    index = indexed(index, tmp_path / "zoo", {"other.txt": "A zebra in the zoo.\n"} | copies)
    result = ask(index, "zebra crosses the road", mode="keyword")
    first = result["hits"][0]
    assert result["count"] == 2
    assert len(first["also_in"]) == 6
    assert first["also_in"][0].endswith(".txt, lines 1")
    assert first["also_in"][-1] == "and 3 more places"
    named = {first["file"], *(place.rpartition(", ")[0] for place in first["also_in"][:-1])}
    assert len(named) == 6
    assert "also_in" not in result["hits"][1]
