"""Write and read the documents, chunks and full text of a generation; their vectors are read in `stored_vectors.py`."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from openclaw_instructor.documents.document import Location, Metadata

if TYPE_CHECKING:
    from openclaw_instructor.documents.chunking import Chunk

_ID_BITS = 32
MAX_METADATA_CHARACTERS = 500
MAX_METADATA_VALUES = 200
# In SQL, the text of a row of chunks as the model reads it; what is around it may be empty.
EMBEDDED = "heading || char(10) || context || char(10) || text"


@dataclass(frozen=True)
class Known:
    """What the store knows of a file, to tell whether it has changed; `reason` says why it could not be read."""

    id: int
    size: int
    mtime_ns: int
    ctime_ns: int
    hash: str
    reader: str
    reason: str


@dataclass(frozen=True)
class DocumentRow:
    """A file as it is stored. `reader` names the format that read it, with its version; `modified` is a POSIX time."""

    path: str
    place: str
    size: int
    mtime_ns: int
    ctime_ns: int
    hash: str
    reader: str
    title: str
    modified: float
    reason: str = ""
    notes: Sequence[str] = ()
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class Passage:
    """A chunk with everything that a hit shows.

    `located` are the places in the file of its lines as they are stored, `locations` the same as (first line, last
    line, location); empty when these are lines of the file itself. `line_offset` is set for a part of one long line.
    `modified` is a POSIX time.
    """

    id: int
    document_id: int
    generation_id: int
    path: str
    document_title: str
    modified: float
    first_line: int
    last_line: int
    line_offset: int | None
    heading: str
    context: str
    text: str
    digest: str
    located: str

    @cached_property
    def locations(self) -> tuple[tuple[int, int, Location], ...]:
        """The places in the file of its lines; read when they are asked for, since few of many passages are shown."""
        return _from_json(self.located)

    def location(self, first: int, last: int) -> Location:
        """Return where lines `first` to `last` of the document's text are in its file."""
        placed = [place for start, end, place in self.locations if start <= last and end >= first]
        return Location.around(placed) if placed else Location("lines", first, last)


def known(connection: sqlite3.Connection, generation_id: int, paths: Iterable[str] | None = None) -> dict[str, Known]:
    """Read what is stored of every file of the generation, or of these, by path."""
    rows = connection.execute(
        "SELECT path, id, size, mtime_ns, ctime_ns, hash, reader, reason FROM documents "
        "WHERE generation_id = :generation AND (:paths IS NULL OR path IN (SELECT value FROM json_each(:paths)))",
        {"generation": generation_id, "paths": None if paths is None else json.dumps(list(paths))},
    )
    return {path: Known(*rest) for path, *rest in rows}


def publish(
    connection: sqlite3.Connection,
    generation_id: int,
    document: DocumentRow,
    chunks: Sequence[Chunk] = (),
    vectors: Sequence[bytes] = (),
) -> None:
    """Replace everything that the generation holds of this document."""
    connection.execute("DELETE FROM documents WHERE generation_id = ? AND path = ?", (generation_id, document.path))
    document_id = _insert_document(connection, generation_id, document)
    title = f"{document.title} {document.place}"
    first_id = _fresh_id(connection)
    connection.executemany(
        "INSERT INTO chunks "
        "(id, document_id, first_line, last_line, line_offset, title, heading, context, text, digest, locations, "
        "checksum) VALUES (:id, :document, :first, :last, :offset, :title, :heading, :context, :text, :digest, "
        ":locations, row_checksum(:first, :last, :offset, :title, :heading, :context, :text, :digest, :locations))",
        [
            {"id": number, "document": document_id, **_chunk_values(chunk, title)}
            for number, chunk in enumerate(chunks, first_id)
        ],
    )
    connection.executemany(
        "INSERT INTO vectors (chunk_id, vector, checksum) VALUES (?1, ?2, row_checksum(?1, ?2))",
        [(number, vector) for number, (_, vector) in enumerate(zip(chunks, vectors, strict=True), first_id)],
    )


def _insert_document(connection: sqlite3.Connection, generation_id: int, document: DocumentRow) -> int:
    """Insert a document with its metadata and return its id."""
    inserted = connection.execute(
        "INSERT INTO documents "
        "(generation_id, path, place, size, mtime_ns, ctime_ns, hash, reader, title, modified, reason, notes) VALUES "
        "(:generation, :path, :place, :size, :mtime_ns, :ctime_ns, :hash, :reader, :title, :modified, :reason, :notes)",
        {
            "generation": generation_id,
            "path": document.path,
            "place": document.place,
            "size": document.size,
            "mtime_ns": document.mtime_ns,
            "ctime_ns": document.ctime_ns,
            "hash": document.hash,
            "reader": document.reader,
            "title": document.title,
            "modified": document.modified,
            "reason": document.reason,
            "notes": json.dumps(list(document.notes)),
        },
    )
    document_id = int(inserted.lastrowid or 0)
    connection.executemany(
        "INSERT INTO metadata (document_id, name, value) VALUES (?, ?, ?)",
        [(document_id, name, value) for name, value in _flat(document.metadata)],
    )
    return document_id


def _chunk_values(chunk: Chunk, title: str) -> dict[str, object]:
    """Return the columns of a chunk's row by name; `title` is the document's, as full text finds it."""
    return {
        "first": chunk.first,
        "last": chunk.last,
        "offset": chunk.offset,
        "title": title,
        "heading": chunk.heading,
        "context": chunk.context,
        "text": chunk.text,
        "digest": chunk.digest,
        "locations": _as_json(chunk.locations),
    }


def _flat(metadata: Metadata) -> Iterator[tuple[str, str]]:
    """Yield (name, value) for each value, within the limits."""
    pairs = (
        (name, value)
        for name, values in metadata.items()
        for value in ([values] if isinstance(values, str) else values)
    )
    for number, (name, value) in enumerate(pairs):
        if number == MAX_METADATA_VALUES:
            return
        yield name.lower()[:MAX_METADATA_CHARACTERS], value[:MAX_METADATA_CHARACTERS]


def _as_json(locations: Iterable[tuple[int, int, Location]]) -> str:
    return json.dumps([[first, last, place.as_dict()] for first, last, place in locations])


def _from_json(text: str) -> tuple[tuple[int, int, Location], ...]:
    return tuple((first, last, Location(**place)) for first, last, place in json.loads(text))


def _fresh_id(connection: sqlite3.Connection) -> int:
    """Return an id above all ids so far: a connection draws one at random first, and counts on from it.

    Counting on always would give an id twice after a backup is restored: once for a chunk that only the vector files
    know. Drawing always would cost the full text four bytes more for every word of every chunk.
    """
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'chunks'").fetchone()
    highest = int(row["seq"]) if row else 0
    drawn = "SELECT 1 FROM temp.sqlite_master WHERE name = 'first_id_is_drawn'"
    if connection.execute(drawn).fetchone():
        return highest + 1
    # In this transaction, and for the connection: it is opened anew when another file is put in place.
    connection.execute("CREATE TEMP TABLE first_id_is_drawn (id)")
    return highest + 1 + secrets.randbits(_ID_BITS)


def retouch(connection: sqlite3.Connection, document_id: int, size: int, mtime_ns: int, ctime_ns: int) -> None:
    """Record the new times of a file whose content is what it was."""
    connection.execute(
        "UPDATE documents SET size = ?, mtime_ns = ?, ctime_ns = ?, modified = ? WHERE id = ?",
        (size, mtime_ns, ctime_ns, mtime_ns / 1e9, document_id),
    )


def forget(connection: sqlite3.Connection, document_ids: Iterable[int]) -> None:
    """Delete these documents with their chunks, vectors and full text."""
    connection.executemany("DELETE FROM documents WHERE id = ?", [(document_id,) for document_id in document_ids])


def metadata(connection: sqlite3.Connection, document_ids: Iterable[int]) -> dict[int, dict[str, list[str]]]:
    """Map each document id to its metadata: name -> values."""
    rows = connection.execute(
        "SELECT document_id, name, value FROM metadata WHERE document_id IN (SELECT value FROM json_each(?)) "
        "ORDER BY rowid",
        (json.dumps(list(document_ids)),),
    )
    found: dict[int, dict[str, list[str]]] = {}
    for row in rows:
        found.setdefault(row["document_id"], {}).setdefault(row["name"], []).append(row["value"])
    return found


def counts(connection: sqlite3.Connection, generation_id: int) -> tuple[int, int]:
    """Count the documents and chunks of the generation, without files that could not be read."""
    row = connection.execute(
        "SELECT count(DISTINCT documents.id) AS documents, count(chunks.id) AS chunks FROM documents "
        "LEFT JOIN chunks ON chunks.document_id = documents.id "
        "WHERE documents.generation_id = ? AND documents.reason = ''",
        (generation_id,),
    ).fetchone()
    return row["documents"], row["chunks"]


def document_count(connection: sqlite3.Connection, generation_id: int) -> int:
    """Count the documents of the generation, with those that could not be read."""
    row = connection.execute("SELECT count(*) FROM documents WHERE generation_id = ?", (generation_id,)).fetchone()
    return int(row[0])


def documents_with_text(connection: sqlite3.Connection, generation_ids: Sequence[int]) -> int:
    """Count the documents of these generations that have a chunk."""
    row = connection.execute(
        "SELECT count(*) FROM documents WHERE generation_id IN (SELECT value FROM json_each(?)) AND reason = '' "
        "AND EXISTS (SELECT 1 FROM chunks WHERE document_id = documents.id)",
        (json.dumps(list(generation_ids)),),
    ).fetchone()
    return int(row[0])


def fetch(connection: sqlite3.Connection, ids: Sequence[int]) -> Mapping[int, Passage]:
    """Map ids to their passages, without those that are gone."""
    return {
        passage.id: passage
        for passage in _passages(connection, "chunks.id IN (SELECT value FROM json_each(?))", json.dumps(ids))
    }


def passages_of(connection: sqlite3.Connection, document_id: int) -> list[Passage]:
    """List the passages of a document, in order."""
    condition = "document_id = ? ORDER BY first_line, line_offset, chunks.id"
    return list(_passages(connection, condition, document_id))


def _passages(connection: sqlite3.Connection, condition: str, value: str | int) -> Iterator[Passage]:
    rows = connection.execute(
        "SELECT chunks.id, document_id, generation_id, path, documents.title AS document_title, modified, first_line, "  # noqa: S608
        "last_line, line_offset, heading, context, text, digest, locations "
        f"FROM chunks JOIN documents ON documents.id = chunks.document_id WHERE {condition}",
        (value,),
    )
    yield from (Passage(*row) for row in rows)
