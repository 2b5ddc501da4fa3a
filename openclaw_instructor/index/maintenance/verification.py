"""Verify the index: the file itself, its texts, vectors and full text against one another, and the vector files.

Everything but the full text's own check is read in one snapshot, so a search or a sync may go on meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from openclaw_instructor.index import checksums, fulltext
from openclaw_instructor.text import one_line

if TYPE_CHECKING:
    from openclaw_instructor.index.store import Store

Part: TypeAlias = Literal["file", "references", "texts", "vectors", "full text", "vector files"]
_MESSAGES = 20

# Child table, its column, and the parent table that it refers to.
REFERENCES = (
    ("roots", "collection_id", "collections"),
    ("generations", "collection_id", "collections"),
    ("documents", "generation_id", "generations"),
    ("metadata", "document_id", "documents"),
    ("chunks", "document_id", "documents"),
    ("vectors", "chunk_id", "chunks"),
)
# Vectors that cannot be compared with others, by chunk id.
_OF_ANOTHER_LENGTH = (
    "SELECT chunk_id FROM vectors JOIN chunks ON chunks.id = chunk_id JOIN documents ON documents.id = document_id "
    "JOIN generations ON generations.id = generation_id WHERE length(vector) != 2 * dimension"
)
_CHANGED_VECTORS = f"SELECT chunk_id FROM vectors WHERE checksum != {checksums.VECTOR.format('')}"  # noqa: S608
BAD_VECTORS = f"{_OF_ANOTHER_LENGTH} UNION {_CHANGED_VECTORS}"
WITHOUT_VECTOR = "SELECT id FROM chunks WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE chunk_id = chunks.id)"
CHANGED_CHUNKS = f"SELECT id FROM chunks WHERE checksum != {checksums.CHUNK.format('')}"  # noqa: S608
UNINDEXED = "SELECT id FROM chunks WHERE id NOT IN (SELECT id FROM passages_docsize)"
INDEXED_IN_VAIN = "SELECT id FROM passages_docsize WHERE id NOT IN (SELECT id FROM chunks)"


@dataclass(frozen=True)
class Problem:
    """Something that does not agree: in which part, what, how often."""

    part: Part
    message: str
    count: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as JSON."""
        return asdict(self)


def file_problems(connection: sqlite3.Connection) -> list[Problem]:
    """Check the pages of the file and its indexes, by SQLite's own check."""
    try:
        said = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MESSAGES})")]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        said = [str(error)]
    # Newer releases of SQLite also check the full text here.
    parts: dict[bool, Part] = {True: "full text", False: "file"}
    return [] if said == ["ok"] else [Problem(parts["FTS5" in message], one_line(message)) for message in said]


def row_problems(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Check what refers to what, and texts and vectors against their checksums; the file itself is intact."""
    for child, column, parent in REFERENCES:
        lost = _count(connection, orphans(child, column, parent))
        if lost:
            yield Problem("references", f"{child} that belong to no {parent}", lost)
    checks: tuple[tuple[Part, str, str], ...] = (
        ("texts", CHANGED_CHUNKS, "passages that are not as they were stored"),
        ("vectors", BAD_VECTORS, "vectors that are damaged or of another dimension"),
        ("vectors", WITHOUT_VECTOR, "passages without a vector"),
        ("full text", UNINDEXED, "passages that the full text lacks"),
        ("full text", INDEXED_IN_VAIN, "passages in the full text that are gone"),
    )
    for part, query, message in checks:
        if count := _count(connection, query):
            yield Problem(part, message, count)


def fulltext_problems(store: Store) -> list[Problem]:
    """Check the full text's own structure, which takes the write lock for a moment; nothing is written."""
    try:
        with store.write() as connection:
            fulltext_check(connection)
    except FulltextDamaged as damaged:
        return [Problem("full text", damaged.args[0])]
    return []


def word_problems(connection: sqlite3.Connection) -> list[Problem]:
    """Compare every word of the full text with one made anew from the chunks, in a temporary file.

    Takes as long as making it anew: some seconds for 10,000 passages.
    """
    columns = ", ".join(fulltext.COLUMNS)
    streams = "word_stream(title), word_stream(heading), word_stream(text)"
    more = "extras_stream(title, heading, context, text), forms_stream(title, heading, context, text)"
    try:
        connection.execute(fulltext.create_table("temp.anew"))
        connection.execute(f"INSERT INTO temp.anew (rowid, {columns}) SELECT id, {streams}, {more} FROM chunks")  # noqa: S608
        connection.execute("CREATE VIRTUAL TABLE temp.anew_words USING fts5vocab (temp, anew, col)")
        connection.execute("CREATE VIRTUAL TABLE temp.stored_words USING fts5vocab (main, passages, col)")
        differ = (
            "SELECT term FROM (SELECT * FROM stored_words EXCEPT SELECT * FROM anew_words) UNION "
            "SELECT term FROM (SELECT * FROM anew_words EXCEPT SELECT * FROM stored_words)"
        )
        count = _count(connection, differ)
    finally:
        for table in ("stored_words", "anew_words", "anew"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    return [Problem("full text", "words that are found in other passages than they stand in", count)] if count else []


def fulltext_check(connection: sqlite3.Connection) -> None:
    """Raise an error if the full text's structure is damaged."""
    try:
        connection.execute("INSERT INTO passages (passages) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        raise FulltextDamaged(f"its structure is damaged ({error})") from error


def orphans(child: str, column: str, parent: str) -> str:
    """Build the query for the row ids of a table whose parent is gone."""
    key = "collection_id" if child == "roots" else "rowid"
    return f"SELECT {key} FROM {child} WHERE {column} NOT IN (SELECT id FROM {parent})"  # noqa: S608


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Count what is in the index, without files that could not be read, as `index status` does."""
    rows = {"collections": "", "documents": "WHERE reason = ''", "chunks": "", "vectors": ""}
    return {table: _count(connection, f"SELECT 1 FROM {table} {chosen}") for table, chosen in rows.items()}  # noqa: S608


class FulltextDamaged(Exception):
    """The full text cannot be used."""


def _count(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM ({query})").fetchone()[0])  # noqa: S608
