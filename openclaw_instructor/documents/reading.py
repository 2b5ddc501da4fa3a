"""Read a file in the format of its name, unless its content shows another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from openclaw_instructor.documents import isolation
from openclaw_instructor.documents.content import identify
from openclaw_instructor.documents.document import Document, UnreadableDocument
from openclaw_instructor.documents.encoding import binary
from openclaw_instructor.documents.formats import Format, format_of, reader_names


def read(data: bytes, path: PurePath) -> Document:
    """Read a file. One that no format claims by its name is read as what it is by its content, else as plain text.

    A note says when the content is of another format than the name says. Raises UnreadableDocument.
    """
    named, actual = format_of(path), format_for(data, path)
    if len(data) > actual.max_bytes:
        raise UnreadableDocument(over_limit(len(data), actual.max_bytes))
    if not actual.isolated and binary(data):
        raise UnreadableDocument("a binary file")
    document = isolation.read(actual.read, data, path) if actual.isolated else actual.read(data, path)
    if named and actual is not named:
        return replace(document, notes=[*document.notes, f"read as {actual.name}, which is what it holds"])
    return document


def format_for(data: bytes, path: PurePath) -> Format:
    """Choose the format for the content: by the content itself, else by the name, else plain text.

    Raises UnreadableDocument for content that no format reads.
    """
    return _format_of_content(data, format_of(path)) or _plain_text()


def reader_key(data: bytes, path: PurePath) -> str:
    """Return a key for the readers of this file and their versions, for `current`."""
    named = format_of(path)
    try:
        actual = format_for(data, path).reader
    except UnreadableDocument:
        actual = ""
    return f"{named.reader if named else ''} {actual}"


def current(key: str, path: PurePath) -> bool:
    """Whether a file whose `reader_key` is stored would be read by the same readers today."""
    named = format_of(path)
    by_name, _, actual = key.partition(" ")
    return by_name == (named.reader if named else "") and (not actual or actual in reader_names())


def readable(path: PurePath) -> bool:
    """Whether files of this name are indexed without being asked for."""
    return format_of(path) is not None


def max_bytes(path: PurePath) -> int:
    """Return the size limit in bytes for a file of this name."""
    return (format_of(path) or _plain_text()).max_bytes


def over_limit(size: int, limit: int) -> str:
    """Return the reason given for a file that is too large."""
    return f"{_size(size)} is over the limit of {_size(limit)}"


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1_000_000 else f"{count:,} bytes"


def _format_of_content(data: bytes, named: Format | None) -> Format | None:
    content = identify(data)
    known = format_of(PurePath("x" + content.suffix)) if content and content.suffix else None
    # The readers of binary formats give the better reason for a damaged file.
    if content is None or known or (named and named.isolated):
        return known or named
    raise UnreadableDocument(content.name)


def _plain_text() -> Format:
    known = format_of(PurePath("x.txt"))
    assert known
    return known
