"""What a sync has read and cut, but not yet published."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents import reading
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Document
from openclaw_instructor.index import files
from openclaw_instructor.index.chunk_store import DocumentRow

if TYPE_CHECKING:
    from openclaw_instructor.documents.chunking import Chunk
    from openclaw_instructor.index.listing import Found


@dataclass(frozen=True)
class Computed:
    """What a worker has embedded: digest -> vector as it is stored, and the tokens that its texts had.

    `truncated` are the digests of the texts that were too long for the model.
    """

    vectors: Mapping[str, bytes] = field(default_factory=dict)
    truncated: frozenset[str] = frozenset()
    tokens: int = 0
    seconds: float = 0.0

    def of(self, digests: Collection[str]) -> Computed:
        """Return what belongs to these digests, with the counts of the whole."""
        vectors = {digest: vector for digest in digests if (vector := self.vectors.get(digest)) is not None}
        return replace(self, vectors=vectors, truncated=self.truncated & frozenset(digests))

    @classmethod
    def together(cls, parts: Iterable[Computed]) -> Computed:
        """Join what was computed for several documents."""
        known = list(parts)
        vectors = {digest: vector for part in known for digest, vector in part.vectors.items()}
        truncated = frozenset().union(*(part.truncated for part in known))
        return cls(vectors, truncated, sum(part.tokens for part in known), sum(part.seconds for part in known))


@dataclass
class Pending:
    """A document to publish: its file, its row and its passages; none where the row has a reason.

    `computed` holds vectors that are there already; those of other passages are stored or are still to be embedded.
    """

    found: Found
    row: DocumentRow
    chunks: list[Chunk]
    computed: Computed = field(default_factory=Computed)

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


def grouped(documents: Iterable[Pending], least: int) -> Generator[list[Pending], None, None]:
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
