"""Which reader a file gets, by its name and by its content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import pytest

from openclaw_instructor.documents import formats
from openclaw_instructor.documents.document import Block, Document, Location, UnreadableDocument
from openclaw_instructor.documents.formats import Format, register
from openclaw_instructor.documents.reading import read


def as_page(data: bytes, path: PurePath) -> Document:
    return Document([data.decode("latin-1")], [Block(1, 1, location=Location("page", 1, 1))])


@pytest.fixture
def pdf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Format]:
    """A format of `.pdf`, in place of whatever reads it, that is read in a child process."""
    monkeypatch.setattr(formats, "_registered", [])
    known = Format("PDF", (".pdf",), as_page, max_bytes=1_000, isolated=True)
    register(known)
    yield known
    formats._table.cache_clear()


def test_a_binary_format_is_read_in_a_child_process(pdf: Format) -> None:
    document = read(b"%PDF-1.7", PurePath("a.pdf"))
    assert document.lines == ["%PDF-1.7"]
    assert document.location(1, 1) == Location("page", 1, 1)
    assert document.notes == []


@pytest.mark.parametrize(("name", "notes"), [("a.txt", ["read as PDF, which is what it holds"]), ("a.download", [])])
def test_content_counts_more_than_the_name(pdf: Format, name: str, notes: list[str]) -> None:
    document = read(b"%PDF-1.7", PurePath(name))
    assert document.blocks[0].location == Location("page", 1, 1)
    assert document.notes == notes


def test_the_limit_is_that_of_the_content(pdf: Format) -> None:
    with pytest.raises(UnreadableDocument, match="bytes is over the limit of"):
        read(b"%PDF-1.7" + b" " * 1_000, PurePath("a.txt"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x7fELF\0\0", "a program"),
        (b"PK\x03\x04" + bytes(40), "a packed archive"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"),
            "a Word document of the format before",
        ),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a", "a.unknown"])
def test_what_is_no_text_is_refused_by_name(data: bytes, reason: str, name: str) -> None:
    with pytest.raises(UnreadableDocument, match=reason):
        read(data, PurePath(name))
