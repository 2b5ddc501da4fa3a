"""Read and write collections, their roots and their generations: what is indexed, and which generation answers."""

from __future__ import annotations

import difflib
import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openclaw_instructor.errors import InvalidArguments, StoreError, UnknownCollection
from openclaw_instructor.index import chunk_store
from openclaw_instructor.paths import below

_COLUMNS = "id, key, identity, embedding_space, checkpoint, dimension, revision"
# 53 bits, which every JSON parser represents exactly.
_DRAW_REVISION = "UPDATE generations SET revision = random() & 0x1fffffffffffff"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Root:
    """A folder (or one file) of a collection; the patterns are in gitignore's syntax, relative to it.

    `state` is what the last sync remembered of it; see `roots.py`.
    """

    path: Path
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    state: str = field(default="", compare=False)


@dataclass(frozen=True)
class Generation:
    """A full set of passages under one identity.

    `embedding_space` is what makes a query comparable with its vectors: checkpoint, join rule, limit and dimension,
    without the document instruction. `key` is random, so that another store's files are never taken for this one's.
    `revision` is drawn anew with every published change, so that a store that was put back from a backup and changed
    otherwise is never taken for the one before.
    """

    id: int
    key: str
    identity: str
    embedding_space: str
    checkpoint: str
    dimension: int
    revision: int


@dataclass(frozen=True)
class Collection:
    """A named set of roots; `serving` is the generation that answers, `unfinished` says that a sync is due.

    `problem`: what the last sync could not do. `coverage`: what it found, counted.
    """

    id: int
    name: str
    instruction: str
    serving: Generation | None
    unfinished: bool
    synced_at: str | None
    roots: tuple[Root, ...]
    problem: str = ""
    coverage: Mapping[str, int] = field(default_factory=dict)


def checked_name(name: str) -> str:
    """Return the name. Raises InvalidArguments when it could not be a file name on every platform."""
    if not _NAME.fullmatch(name):
        raise InvalidArguments(
            f"collection name {name!r}: use 1 to 64 letters, digits, `-`, `_` or `.`, starting with a letter or digit"
        )
    return name


def collections(connection: sqlite3.Connection) -> list[Collection]:
    """List all collections by name."""
    roots: dict[int, list[Root]] = {}
    for row in connection.execute("SELECT * FROM roots ORDER BY path"):
        include, exclude = (tuple(json.loads(row[key])) for key in ("include", "exclude"))
        root = Root(Path(row["path"]), include, exclude, row["state"])
        roots.setdefault(row["collection_id"], []).append(root)
    by_id = {row["id"]: _generation(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM generations")}  # noqa: S608
    return [
        Collection(
            id=row["id"],
            name=row["name"],
            instruction=row["instruction"],
            serving=by_id.get(row["serving"]),
            unfinished=bool(row["unfinished"]),
            synced_at=row["synced_at"],
            problem=row["problem"],
            coverage=json.loads(row["coverage"]),
            roots=tuple(roots.get(row["id"], ())),
        )
        for row in connection.execute("SELECT * FROM collections ORDER BY name")
    ]


def named(known: list[Collection], asked: str) -> list[Collection]:
    """List the collections of these names, separated by commas; `*` is all of them.

    Raises UnknownCollection, with the nearest name, and InvalidArguments for no name at all.
    """
    wanted = list(dict.fromkeys(name.strip() for name in asked.split(",") if name.strip()))
    if not wanted:
        raise InvalidArguments(f"collection {asked[:60]!r} names none; write `docs`, `docs,mail` or `*`")
    return known if "*" in wanted else [_one(known, name) for name in wanted]


def _one(known: list[Collection], name: str) -> Collection:
    names = {collection.name: collection for collection in known}
    if name in names:
        return names[name]
    close = difflib.get_close_matches(name, names, 1)
    if close:
        hint = f"did you mean `{close[0]}`?"
    elif names:
        hint = f"there are: {', '.join(names)}; or create it: `openclaw-instructor index add {name} FOLDER`"
    else:
        hint = f"none exists yet; create it: `openclaw-instructor index add {name} FOLDER`"
    raise UnknownCollection(f"there is no collection `{name}`; {hint}")


def generation(connection: sqlite3.Connection, generation_id: int) -> Generation | None:
    """Return the generation as it is now; None when it is gone."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM generations WHERE id = ?", (generation_id,)).fetchone()  # noqa: S608
    return _generation(row) if row else None


def put(connection: sqlite3.Connection, name: str, instruction: str, roots: Sequence[Root]) -> None:
    """Create the collection, or record its new instruction and add or replace these roots."""
    connection.execute(
        "INSERT INTO collections (name, instruction) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET instruction = excluded.instruction",
        (name, instruction),
    )
    (collection_id,) = connection.execute("SELECT id FROM collections WHERE name = ?", (name,)).fetchone()
    real = {root.path.resolve() for root in roots}
    connection.executemany(
        "DELETE FROM roots WHERE collection_id = ? AND path = ?",
        [
            (collection_id, row["path"])
            for row in connection.execute("SELECT path FROM roots WHERE collection_id = ?", (collection_id,)).fetchall()
            # The same folder under another path.
            if Path(row["path"]).resolve() in real
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO roots (collection_id, path, include, exclude) VALUES (?, ?, ?, ?)",
        [(collection_id, str(r.path), json.dumps(r.include), json.dumps(r.exclude)) for r in roots],
    )
    connection.execute("UPDATE collections SET unfinished = 1 WHERE id = ?", (collection_id,))


def root_at(collection: Collection, path: Path) -> Root:
    """Find the folder of a collection by its path. Raises InvalidArguments when it has none there, or no other."""
    real = path.resolve()
    found = next((root for root in collection.roots if root.path == path), None) or next(
        (root for root in collection.roots if root.path.resolve() == real), None
    )
    if found is None:
        there = ", ".join(str(root.path) for root in collection.roots)
        raise InvalidArguments(f"collection `{collection.name}` has no folder {path}; it has {there}")
    if len(collection.roots) == 1:
        raise InvalidArguments(
            f"{found.path} is the only folder of collection `{collection.name}`; "
            f"`openclaw-instructor index remove {collection.name}` forgets the collection"
        )
    return found


def remove_root(connection: sqlite3.Connection, collection: Collection, path: Path) -> None:
    """Remove a folder from the collection, with those of its documents that are in no other folder."""
    connection.execute("DELETE FROM roots WHERE collection_id = ? AND path = ?", (collection.id, str(path)))
    others = [str(root.path) for root in collection.roots if root.path != path]
    rows = connection.execute(
        "SELECT documents.id, path FROM documents JOIN generations ON generations.id = generation_id "
        "WHERE collection_id = ?",
        (collection.id,),
    ).fetchall()
    gone = [row["id"] for row in rows if below(row["path"], str(path))]
    kept = {row["id"] for row in rows if any(below(row["path"], other) for other in others)}
    chunk_store.forget(connection, [number for number in gone if number not in kept])
    connection.execute(
        "UPDATE collections SET problem = '', unfinished = unfinished OR ? WHERE id = ?",
        (bool(kept.intersection(gone)) or bool(collection.problem), collection.id),
    )
    draw_revisions(connection, collection)


def remove(connection: sqlite3.Connection, name: str) -> None:
    """Delete the collection with all its documents and vectors."""
    connection.execute("DELETE FROM collections WHERE name = ?", (name,))


def target(connection: sqlite3.Connection, collection: Collection, wanted: Generation) -> Generation:
    """Return the generation that a sync has to fill: the serving one, one that an earlier sync began, or a new one.

    The first generation of a collection serves from its first document on; a later one only once it is complete. Raises
    StoreError when the collection was removed meanwhile.
    """
    if not connection.execute("SELECT 1 FROM collections WHERE id = ?", (collection.id,)).fetchone():
        raise removed(collection)
    connection.execute(
        "DELETE FROM generations WHERE collection_id = ? AND identity != ? AND id != ?",
        (collection.id, wanted.identity, collection.serving.id if collection.serving else -1),
    )
    connection.execute(
        "INSERT OR IGNORE INTO generations (collection_id, identity, embedding_space, checkpoint, dimension) "
        "VALUES (?, ?, ?, ?, ?)",
        (collection.id, wanted.identity, wanted.embedding_space, wanted.checkpoint, wanted.dimension),
    )
    found = _generation(
        connection.execute(
            f"SELECT {_COLUMNS} FROM generations WHERE collection_id = ? AND identity = ?",  # noqa: S608
            (collection.id, wanted.identity),
        ).fetchone()
    )
    connection.execute("UPDATE collections SET serving = coalesce(serving, ?) WHERE id = ?", (found.id, collection.id))
    return found


def instruct(connection: sqlite3.Connection, name: str, instruction: str) -> None:
    """Record another document instruction."""
    connection.execute("UPDATE collections SET instruction = ? WHERE name = ?", (instruction, name))


def begin(connection: sqlite3.Connection, collection: Collection) -> None:
    """Record that a sync has started to change this collection."""
    connection.execute("UPDATE collections SET unfinished = 1 WHERE id = ?", (collection.id,))


def fail(connection: sqlite3.Connection, collection: Collection, problem: str) -> None:
    """Record why a sync of this collection failed."""
    connection.execute("UPDATE collections SET problem = ? WHERE id = ?", (problem, collection.id))


def remember(connection: sqlite3.Connection, collection: Collection, states: Mapping[str, str]) -> None:
    """Record the state of each root, by its path."""
    connection.executemany(
        "UPDATE roots SET state = ? WHERE collection_id = ? AND path = ?",
        [(state, collection.id, path) for path, state in states.items()],
    )


def finish(
    connection: sqlite3.Connection,
    collection: Collection,
    generation: Generation,
    when: str,
    problem: str,
    coverage: Mapping[str, int],
) -> None:
    """Let this generation answer, delete the others, and record how the sync ended.

    It is not complete when a root was added while it ran. Raises StoreError when the collection was removed meanwhile.
    """
    complete = any(now.id == collection.id and now.roots == collection.roots for now in collections(connection))
    updated = connection.execute(
        "UPDATE collections SET serving = ?, unfinished = ?, synced_at = ?, problem = ?, coverage = ? WHERE id = ?",
        (generation.id, not complete, when, problem, json.dumps(coverage), collection.id),
    )
    if not updated.rowcount:
        raise removed(collection)
    connection.execute("DELETE FROM generations WHERE collection_id = ? AND id != ?", (collection.id, generation.id))


def touch(connection: sqlite3.Connection, collection: Collection, generation: Generation) -> None:
    """Record that a change was published. Raises StoreError when the collection was removed meanwhile."""
    updated = connection.execute(f"{_DRAW_REVISION} WHERE id = ?", (generation.id,))
    if not updated.rowcount:
        raise removed(collection)


def draw_revisions(connection: sqlite3.Connection, collection: Collection) -> None:
    """Record that the vectors of a collection have changed, whichever of its generations they are in."""
    connection.execute(f"{_DRAW_REVISION} WHERE collection_id = ?", (collection.id,))


def removed(collection: Collection) -> StoreError:
    """Make the error for a collection that was removed during its sync."""
    return StoreError(f"collection `{collection.name}` was removed while it was being synced; add it again to index it")


def _generation(row: sqlite3.Row) -> Generation:
    return Generation(**dict(row))
