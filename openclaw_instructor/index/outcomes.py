"""What comes of reading one file: read, cut, known already, or left out. Needs no store, so any process can do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

from openclaw_instructor.documents import UnreadableDocument, reading
from openclaw_instructor.documents.chunking import MAX_CHUNKS, Chunker
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.index import files, secrets
from openclaw_instructor.index.files import Skipped
from openclaw_instructor.index.pending import Pending

if TYPE_CHECKING:
    from openclaw_instructor.index.chunk_store import Known
    from openclaw_instructor.index.listing import Found


@dataclass(frozen=True)
class Unchanged:
    """The content of `size` bytes is what the store has."""

    size: int


Outcome: TypeAlias = Pending | Unchanged | Skipped


def of(found: Found, before: Known | None, chunker: Callable[[], Chunker]) -> Outcome:
    """Read and cut a file; `before` is what the store knows of it. `chunker` is called when a document is to be cut.

    Whatever the file holds, the outcome says so; raises only InstructorError, which is no fault of the file's.
    """
    try:
        return _read(found, before, chunker)
    except Skipped as skipped:
        return skipped
    except InstructorError:
        raise
    except Exception as error:
        # Whatever one file holds, it must not keep the others from being indexed.
        return Skipped(f"reading it ended in an unexpected {type(error).__name__}; leave it out with --exclude")


def _read(found: Found, before: Known | None, chunker: Callable[[], Chunker]) -> Outcome:
    path = PurePath(found.path)
    data = files.read_bytes(found.path)
    if before and before.hash == files.digest(data) and reading.current(before.reader, path):
        return Unchanged(len(data))
    if (why := secrets.content(data)) is not None:
        return Pending.unreadable(found, data, f"it holds {why}")
    try:
        document = reading.read(data, path)
    except UnreadableDocument as unreadable:
        return Pending.unreadable(found, data, unreadable.reason)
    chunks = list(islice(chunker().chunks(document), MAX_CHUNKS + 1))
    if len(chunks) > MAX_CHUNKS:
        chunks.pop()
        document.notes.append(f"too long: only the first {MAX_CHUNKS:,} passages were indexed")
    return Pending.of(found, data, document, chunks)
