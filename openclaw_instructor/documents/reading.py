"""Read a file's content by the format of its name."""

from __future__ import annotations

from pathlib import PurePath

from openclaw_instructor.documents.document import Document
from openclaw_instructor.documents.formats import format_of
from openclaw_instructor.documents.readers import text


def read(data: bytes, path: PurePath) -> Document:
    """Read a file by its name; one that no format claims is read as plain text. Raises UnreadableDocument."""
    known = format_of(path)
    return known.read(data, path) if known else text.read(data, path)


def readable(path: PurePath) -> bool:
    """Whether a file of this name is taken without being asked for."""
    return format_of(path) is not None
