"""Mend the rows of an index whose file is intact: what belongs to nothing goes, what can be made anew is made anew."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from openclaw_instructor.documents.sections import SEPARATOR
from openclaw_instructor.index import collections, migrations, stored_vectors
from openclaw_instructor.index.maintenance import verification
from openclaw_instructor.index.staleness import NO_MODEL

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.store import Store

_TEXTS_PER_CALL = 256


@dataclass
class Mended:
    """What was done, in words, and the collections whose files have to be read again."""

    done: list[str] = field(default_factory=list)
    to_sync: set[str] = field(default_factory=set)


def mend(store: Store, engine: Engine, *, full: bool = False) -> Mended:
    """Mend everything but damage of the file itself, with `full` the full text in any case.

    Raises what the store and the engine raise.
    """
    mended = Mended()
    with store.write() as connection:
        _mend_fulltext(connection, mended, anyway=full)
        _drop_orphans(connection, mended)
        _drop_vectors(connection, mended)
    _embed_missing(store, engine, mended)
    with store.write() as connection:
        _read_again(connection, mended)
    return mended


def _mend_fulltext(connection: sqlite3.Connection, mended: Mended, *, anyway: bool) -> None:
    """Rebuild the full text if it is damaged or not of the chunks as they are.

    Before anything is deleted, because deleting a chunk takes the words that it has now out of the full text.
    """
    problem = next((p for p in verification.row_problems(connection) if p.part in ("full text", "texts")), None)
    try:
        verification.fulltext_check(connection)
    except verification.FulltextDamaged:
        problem = problem or verification.Problem("full text", "damaged")
    if problem is not None or anyway:
        migrations.rebuild_fulltext(connection)
        mended.done.append("made the full text anew")


def _drop_orphans(connection: sqlite3.Connection, mended: Mended) -> None:
    for child, column, parent in verification.REFERENCES:
        gone = f"DELETE FROM {child} WHERE {column} NOT IN (SELECT id FROM {parent})"  # noqa: S608
        if (count := connection.execute(gone).rowcount) > 0:
            mended.done.append(f"dropped {count:,} {child} that belonged to no {parent}")


def _drop_vectors(connection: sqlite3.Connection, mended: Mended) -> None:
    bad = f"DELETE FROM vectors WHERE chunk_id IN ({verification.BAD_VECTORS})"  # noqa: S608
    if (count := connection.execute(bad).rowcount) > 0:
        mended.done.append(f"dropped {count:,} vectors that were damaged or of another dimension")


def _embed_missing(store: Store, engine: Engine, mended: Mended) -> None:
    """Embed the passages without a vector whose text for the model can be told from what is stored."""
    with store.read() as connection:
        found = collections.collections(connection)
        missing = {known.name: list(_embeddable(connection, known, engine)) for known in found}
    for known in found:
        texts = iter(missing[known.name])
        while batch := list(islice(texts, _TEXTS_PER_CALL)):
            embeddings = engine.embed([text for _, text in batch], known.instruction, role="document")
            with store.write() as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO vectors (chunk_id, vector, checksum) "
                    "SELECT id, ?2, row_checksum(?1, ?2) FROM chunks WHERE id = ?1",
                    zip((key for key, _ in batch), map(stored_vectors.as_blob, embeddings.vectors), strict=True),
                )
                collections.draw_revisions(connection, known)
        if missing[known.name]:
            mended.done.append(f"embedded {len(missing[known.name]):,} passages of `{known.name}` anew")


def _embeddable(
    connection: sqlite3.Connection, known: collections.Collection, engine: Engine
) -> Iterator[tuple[int, str]]:
    """Yield id and text of the passages without a vector, where its digest proves that it is what was embedded."""
    try:
        space = engine.identity(known.instruction)
    except NO_MODEL:
        return
    rows = connection.execute(
        "SELECT chunks.id, documents.title, heading, context, text, digest FROM chunks "  # noqa: S608
        "JOIN documents ON documents.id = document_id JOIN generations ON generations.id = generation_id "
        f"WHERE collection_id = ? AND chunks.id IN ({verification.WITHOUT_VECTOR}) "
        f"AND chunks.id NOT IN ({verification.CHANGED_CHUNKS})",
        (known.id,),
    )
    for row in rows:
        for prefix in _prefixes(row["title"], row["heading"]):
            text = "\n".join(part for part in (prefix, row["context"], row["text"]) if part)
            if hashlib.blake2b(f"{space}\n{text}".encode(), digest_size=16).hexdigest() == row["digest"]:
                yield row["id"], text
                break


def _prefixes(title: str, heading: str) -> Sequence[str]:
    """List what may have been embedded before a passage; see `documents.sections.heading_path`."""
    whole = SEPARATOR.join(part for part in (title, heading) if part)
    return list(dict.fromkeys((whole, heading, title, heading.rpartition(SEPARATOR)[2], "")))


def _read_again(connection: sqlite3.Connection, mended: Mended) -> None:
    """Have the next sync read the files of passages that are damaged or could not be embedded."""
    lost = f"{verification.WITHOUT_VECTOR} UNION {verification.CHANGED_CHUNKS}"
    rows = connection.execute(
        "SELECT DISTINCT documents.id, collections.id AS collection, collections.name FROM chunks "  # noqa: S608
        "JOIN documents ON documents.id = document_id JOIN generations ON generations.id = generation_id "
        f"JOIN collections ON collections.id = collection_id WHERE chunks.id IN ({lost})"
    ).fetchall()
    _mark(connection, rows)
    if rows:
        mended.done.append(f"marked {len(rows):,} documents to be read again")
    unfinished = connection.execute("SELECT name FROM collections WHERE unfinished").fetchall()
    mended.to_sync |= {row["name"] for row in (*rows, *unfinished)}


def _mark(connection: sqlite3.Connection, rows: Iterable[sqlite3.Row]) -> None:
    for row in rows:
        connection.execute("UPDATE documents SET reader = '', hash = '' WHERE id = ?", (row["id"],))
        connection.execute("UPDATE collections SET unfinished = 1 WHERE id = ?", (row["collection"],))
