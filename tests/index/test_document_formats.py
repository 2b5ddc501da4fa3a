"""What a reader says of a file, its places, metadata and refusals, reaches whoever searches."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from openclaw_instructor.documents import Block, Document, Format, Location, UnreadableDocument, formats
from openclaw_instructor.index import CollectionReport, Index
from tests.index.word_engine import DOCUMENT, ask


def read_book(data: bytes, path: PurePath) -> Document:
    """Pages between form feeds; the first line of the file is `author: title`."""
    if data.startswith(b"locked"):
        raise UnreadableDocument("encrypted")
    first, *pages = data.decode().split("\f")
    author, title = first.split(": ")
    blocks = [
        Block(number, number, location=Location("page", number, number), context="Volume | Page | Text")
        for number in range(1, len(pages) + 1)
    ]
    metadata = {"author": author, "tags": ["paper", "old"], "secret": "not shown"}
    return Document(pages, blocks, title, metadata, ["a picture was left out"])


@pytest.fixture
def book_format(monkeypatch: pytest.MonkeyPatch) -> Format:
    """The toy format, registered as another package would."""
    monkeypatch.setattr(formats, "_registered", [])
    book = Format("book", (".book",), read_book, max_bytes=200)
    formats.register(book)
    return book


@pytest.fixture(autouse=True)
def _table_again() -> object:
    yield
    formats._table.cache_clear()
    formats.reader_names.cache_clear()


@pytest.fixture
def shelf(book_format: Format, index: Index, tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "sea.book").write_text("Ada: The sea\fwhales swim\fgulls fly\fherrings shoal")
    index.add("docs", [folder], instruction=DOCUMENT)
    return folder


def resync(index: Index) -> CollectionReport:
    return index.sync("docs").collections[0]


def test_a_hit_stands_at_the_place_its_format_counts(index: Index, shelf: Path) -> None:
    assert resync(index).added == 1
    hit = ask(index, "gulls")["hits"][0]
    assert (hit["page"], hit["location"]) == ("1-3", "pages 1-3")
    assert "lines" not in hit
    assert hit["context"] == "Volume | Page | Text"
    assert hit["metadata"] == {"author": "Ada", "tags": "paper, old"}


def test_the_part_of_a_passage_that_is_shown_has_its_own_place(index: Index, shelf: Path) -> None:
    formats.register(Format("book", (".book",), read_book, version=2))
    pages = [" ".join(["extraordinarily-long-word"] * 8) for _ in range(9)]
    (shelf / "long.book").write_text("Bo: Long\f" + "\f".join([*pages, "basalt"]))
    resync(index)
    hit = ask(index, "basalt", mode="keyword")["hits"][0]
    assert "basalt" in hit["snippet"]
    first, last = map(int, hit["page"].split("-"))
    assert (first > 1, last) == (True, 10)


def test_a_table_is_found_by_its_column_names(index: Index, shelf: Path) -> None:
    resync(index)
    assert ask(index, "volume", mode="keyword")["hits"][0]["file"].endswith("sea.book")


def test_notes_of_a_reader_are_in_the_report(index: Index, shelf: Path) -> None:
    assert resync(index).notes == [f"{shelf / 'sea.book'}: a picture was left out"]


def test_an_unreadable_file_is_skipped_with_its_reason_until_it_changes(
    index: Index, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / "locked.book").write_text("locked with a key")
    report = resync(index)
    assert report.skipped == [(str(shelf / "locked.book"), "encrypted")]
    assert (report.added, index.status("docs")[0].documents) == (1, 1)
    monkeypatch.setattr("openclaw_instructor.index.files.read_bytes", None)
    report = resync(index)
    assert report.skipped == [(str(shelf / "locked.book"), "encrypted")]
    assert (report.unchanged, report.removed) == (1, 0)
    monkeypatch.undo()
    (shelf / "locked.book").write_text("Eve: Open\fmackerels")
    assert resync(index).added == 1
    assert ask(index, "mackerels")["count"] > 0


def test_a_file_that_becomes_unreadable_is_no_longer_found(index: Index, shelf: Path) -> None:
    resync(index)
    (shelf / "sea.book").write_text("locked now")
    report = resync(index)
    assert (report.removed, report.skipped) == (1, [(str(shelf / "sea.book"), "encrypted")])
    assert ask(index, "gulls", mode="keyword")["count"] == 0


def test_a_new_version_of_a_reader_reads_its_files_anew(index: Index, shelf: Path) -> None:
    (shelf / "note.md").write_text("a note")
    resync(index)
    formats.register(
        Format("book", (".book",), lambda data, path: Document(["ospreys"], [Block(1, 1)]), version=2, max_bytes=200)
    )
    report = resync(index)
    assert (report.changed, report.unchanged) == (1, 1)
    assert ask(index, "ospreys")["hits"][0]["lines"] == "1-1"


def test_each_format_has_its_own_limit_of_size(index: Index, shelf: Path) -> None:
    (shelf / "big.book").write_text("Ada: Big\f" + "word " * 100)
    (shelf / "big.txt").write_text("word " * 1_000)
    report = resync(index)
    assert report.skipped == [(str(shelf / "big.book"), "509 bytes is over the limit of 200 bytes")]
    assert report.added == 2
