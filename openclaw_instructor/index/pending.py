"""What a sync has read and cut, but not yet published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents import reading
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Document
from openclaw_instructor.index import files
from openclaw_instructor.index.chunk_store import DocumentRow

if TYPE_CHECKING:
    from openclaw_instructor.documents.chunking import Chunk
    from openclaw_instructor.index.listing import Found


@dataclass
class Pending:
    """A document to publish: its file, its row and its passages; none where the row has a reason."""

    found: Found
    row: DocumentRow
    chunks: list[Chunk]

    @classmethod
    def of(cls, found: Found, data: bytes, document: Document, chunks: list[Chunk]) -> Pending:
        """Make it of a document that could be read."""
        return cls(found, _row(found, data, document), chunks)

    @classmethod
    def unreadable(cls, found: Found, data: bytes, reason: str) -> Pending:
        """Make it of a file that could not be read, so that it is not tried again until it changes."""
        return cls(found, _row(found, data, Document([], []), reason), [])


def _row(found: Found, data: bytes, document: Document, reason: str = "") -> DocumentRow:
    return DocumentRow(
        path=found.path,
        place=found.place,
        size=len(data),
        mtime_ns=found.mtime_ns,
        ctime_ns=found.ctime_ns,
        hash=files.digest(data),
        reader=reading.reader_key(data, PurePath(found.path)),
        title=document.title[:MAX_HEADING_CHARACTERS],
        modified=found.mtime_ns / 1e9,
        reason=reason,
        notes=tuple(document.notes),
        metadata=document.metadata,
    )


def grouped(documents: Iterable[Pending], least: int) -> Iterator[list[Pending]]:
    """Group the documents, so that each group but the last holds at least so many passages."""
    group: list[Pending] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.chunks)
        if size >= least:
            yield group
            group, size = [], 0
    if group:
        yield group
