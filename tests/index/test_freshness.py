"""A hit says when its file is no longer what was indexed."""

from __future__ import annotations

import os
from pathlib import Path

from openclaw_instructor.index import Index, freshness
from tests.index.word_engine import DOCUMENT, ask


def test_a_hit_of_a_file_that_has_changed_is_marked(docs: Index, folder: Path) -> None:
    assert "file_state" not in ask(docs, "knead the dough")["hits"][0]
    (folder / "bread.md").write_text("# Bread\n\nBuy it.\n")
    result = ask(docs, "knead the dough")
    assert result["hits"][0]["file_state"] == "changed"
    assert result["stale"]
    assert result["notes"] == [
        "changed since the last sync, so what is shown may be out of date: bread.md; "
        "run `openclaw-instructor index sync docs`"
    ]
    docs.sync("docs")
    assert not ask(docs, "buy")["stale"]


def test_a_hit_of_a_file_that_is_gone_is_marked(docs: Index, folder: Path) -> None:
    (folder / "bread.md").unlink()
    result = ask(docs, "knead the dough", mode="keyword")
    assert [hit["file_state"] for hit in result["hits"]] == ["vanished"]
    assert "gone since the last sync" in result["notes"][0]


def test_the_others_are_not_marked(docs: Index, folder: Path) -> None:
    (folder / "trip.txt").write_text("Changed.\n")
    result = ask(docs, "knead the dough", mode="keyword")
    assert (result["stale"], result["notes"]) == (False, [])


def test_new_times_and_permissions_alone_are_no_change(docs: Index, folder: Path) -> None:
    os.utime(folder / "bread.md", (1, 1))
    (folder / "bread.md").chmod(0o600)
    assert "file_state" not in ask(docs, "knead the dough")["hits"][0]


def test_the_same_size_and_time_with_another_content_is_a_change(docs: Index, folder: Path) -> None:
    path = folder / "bread.md"
    old = path.stat()
    path.write_text(path.read_text().replace("rise", "rest"))
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert ask(docs, "knead the dough")["hits"][0]["file_state"] == "changed"


def test_many_changed_files_are_counted(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.md").write_text(f"otter {number}\n")
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    for path in folder.iterdir():
        path.write_text("gnu\n")
    (note,) = ask(index, "otter", mode="keyword")["notes"]
    assert "and 2 more; run" in note


def test_a_large_file_with_another_time_is_taken_for_changed(docs: Index, folder: Path) -> None:
    assert freshness.MAX_READ_BYTES == 1_000_000
    path = folder / "large.txt"
    path.write_text("walrus\n" + "word\n" * 200_001)
    docs.sync("docs")
    os.utime(path, (1, 1))
    assert ask(docs, "walrus", mode="keyword")["hits"][0]["file_state"] == "changed"
