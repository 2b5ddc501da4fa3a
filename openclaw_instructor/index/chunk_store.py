"""Documents, chunks, vectors and full text of a generation: how they are written, found and read back.

Vectors lie in the store as little-endian float16: half the room of float32, and rounding that moves a cosine by less
than 0.001. FAISS is always built from these, so that a rebuilt one ranks exactly as the one before.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_instructor.index.fulltext import inner_words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from openclaw_instructor.documents.chunking import Chunk

_ID_BITS = 32


@dataclass(frozen=True)
class Known:
    """What the store remembers of a document, to tell whether its file has changed."""

    id: int
    size: int
    mtime_ns: int
    hash: str


@dataclass(frozen=True)
class DocumentRow:
    path: str
    place: str
    size: int
    mtime_ns: int
    hash: str
    title: str
    modified: float


@dataclass(frozen=True)
class Passage:
    """A chunk with all that a hit shows; `modified` is a POSIX timestamp."""

    id: int
    document_id: int
    generation_id: int
    path: str
    document_title: str
    modified: float
    first_line: int
    last_line: int
    heading: str
    text: str
    digest: str


def known(connection: sqlite3.Connection, generation_id: int) -> dict[str, Known]:
    """Every document of the generation by path."""
    rows = connection.execute(
        "SELECT path, id, size, mtime_ns, hash FROM documents WHERE generation_id = ?", (generation_id,)
    )
    return {path: Known(*rest) for path, *rest in rows}


def publish(
    connection: sqlite3.Connection,
    generation_id: int,
    document: DocumentRow,
    chunks: Sequence[Chunk],
    vectors: Sequence[bytes],
) -> None:
    """Replace all that the generation holds of this document."""
    connection.execute("DELETE FROM documents WHERE generation_id = ? AND path = ?", (generation_id, document.path))
    inserted = connection.execute(
        "INSERT INTO documents (generation_id, path, place, size, mtime_ns, hash, title, modified) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            generation_id,
            document.path,
            document.place,
            document.size,
            document.mtime_ns,
            document.hash,
            document.title,
            document.modified,
        ),
    )
    title = f"{document.title} {document.place}"
    for number, (chunk, vector) in enumerate(zip(chunks, vectors, strict=True), _fresh_id(connection)):
        connection.execute(
            "INSERT INTO chunks (id, document_id, first_line, last_line, title, heading, text, parts, digest) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                inserted.lastrowid,
                chunk.first,
                chunk.last,
                title,
                chunk.heading,
                chunk.text,
                inner_words(f"{title} {chunk.heading} {chunk.text}"),
                chunk.digest,
            ),
        )
        connection.execute("INSERT INTO vectors (chunk_id, vector) VALUES (?, ?)", (number, vector))


def _fresh_id(connection: sqlite3.Connection) -> int:
    """Above all ids so far, by a distance that is drawn: a file put back from a backup would count on from an id that
    stands for another text in the vector files."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'chunks'").fetchone()
    return (row[0] if row else 0) + 1 + secrets.randbits(_ID_BITS)


def retouch(connection: sqlite3.Connection, document_id: int, size: int, mtime_ns: int, modified: float) -> None:
    """Record a new time of a file whose content is what it was."""
    connection.execute(
        "UPDATE documents SET size = ?, mtime_ns = ?, modified = ? WHERE id = ?",
        (size, mtime_ns, modified, document_id),
    )


def forget(connection: sqlite3.Connection, document_ids: Iterable[int]) -> None:
    """Delete these documents with their chunks, vectors and full text."""
    connection.executemany("DELETE FROM documents WHERE id = ?", [(document_id,) for document_id in document_ids])


def vectors_by_digest(connection: sqlite3.Connection, digests: Iterable[str]) -> dict[str, bytes]:
    """Stored vectors of texts embedded before; a digest covers the text and what it was embedded with."""
    rows = connection.execute(
        "SELECT chunks.digest, vectors.vector FROM chunks JOIN vectors ON vectors.chunk_id = chunks.id "
        "WHERE chunks.digest IN (SELECT value FROM json_each(?))",
        (json.dumps(list(digests)),),
    )
    return dict(rows.fetchall())


def counts(connection: sqlite3.Connection, generation_id: int) -> tuple[int, int]:
    """Documents and chunks of the generation."""
    row = connection.execute(
        "SELECT count(DISTINCT documents.id), count(chunks.id) FROM documents "
        "LEFT JOIN chunks ON chunks.document_id = documents.id WHERE documents.generation_id = ?",
        (generation_id,),
    ).fetchone()
    return int(row[0]), int(row[1])


def chunk_ids(connection: sqlite3.Connection, generation_id: int) -> npt.NDArray[np.int64]:
    """Ids of all chunks of the generation, ascending."""
    import numpy as np

    rows = connection.execute(
        "SELECT chunks.id FROM documents JOIN chunks ON chunks.document_id = documents.id "
        "WHERE documents.generation_id = ?",
        (generation_id,),
    )
    return np.sort(np.fromiter((row[0] for row in rows), dtype=np.int64))


def chunk_ids_of(connection: sqlite3.Connection, document_ids: Sequence[int]) -> npt.NDArray[np.int64]:
    """Ids of all chunks of these documents."""
    import numpy as np

    rows = connection.execute(
        "SELECT id FROM chunks WHERE document_id IN (SELECT value FROM json_each(?))", (json.dumps(document_ids),)
    )
    return np.fromiter((row[0] for row in rows), dtype=np.int64)


def vectors_of(
    connection: sqlite3.Connection, ids: npt.NDArray[np.int64], dimension: int, batch: int = 4_096
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Batches of (ids, vectors as float32); an id without a vector of this dimension is left out."""
    import numpy as np

    for start in range(0, len(ids), batch):
        rows = connection.execute(
            "SELECT chunk_id, vector FROM vectors WHERE chunk_id IN (SELECT value FROM json_each(?)) "
            "AND length(vector) = ?",
            (json.dumps(ids[start : start + batch].tolist()), 2 * dimension),
        ).fetchall()
        found = np.array([row[0] for row in rows], dtype=np.int64)
        flat = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f2")
        yield found, flat.reshape(len(rows), dimension).astype(np.float32)


def as_blob(vector: npt.NDArray[np.float32]) -> bytes:
    return vector.astype("<f2").tobytes()


def documents_in(
    connection: sqlite3.Connection, generation_ids: Sequence[int], after: float | None, before: float | None
) -> list[tuple[int, str, str]]:
    """(id, path, place) of the documents modified at or after `after` and earlier than `before`."""
    rows = connection.execute(
        "SELECT id, path, place FROM documents WHERE generation_id IN (SELECT value FROM json_each(?)) "
        "AND (?2 IS NULL OR modified >= ?2) AND (?3 IS NULL OR modified < ?3)",
        (json.dumps(generation_ids), after, before),
    )
    return [(row["id"], row["path"], row["place"]) for row in rows]


def fetch(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Passage]:
    """These chunks by id; one that is gone is left out."""
    rows = connection.execute(
        "SELECT chunks.id, document_id, generation_id, path, documents.title, modified, first_line, last_line, "
        "heading, text, digest FROM chunks JOIN documents ON documents.id = chunks.document_id "
        "WHERE chunks.id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    return {row[0]: Passage(*row) for row in rows}
