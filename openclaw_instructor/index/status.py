"""How a collection stands: what it holds, what it does not, and what has changed on disk since its last sync."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.errors import InstructorError
from openclaw_instructor.index import changes, chunk_store, roots, walk
from openclaw_instructor.index.results import CollectionStatus
from openclaw_instructor.index.vectors.protocol import Elsewhere, View

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.index.collections import Collection
    from openclaw_instructor.index.listing import Listing
    from openclaw_instructor.index.store import Store
    from openclaw_instructor.index.vectors.protocol import VectorEngine

_NAMED = 3


@dataclass(frozen=True)
class Look:
    """A comparison of a collection with its files: `changed` paths, `absent` folders -> why, `folders` to follow."""

    changed: list[str]
    absent: dict[str, str]
    folders: list[str]


def look(store: Store, collection: Collection) -> Look:
    """Compare a collection with its files as they are now; nothing is read but names and times."""
    known = {}
    if collection.serving is not None:
        with store.read() as connection:
            known = chunk_store.known(connection, collection.serving.id)
    listing = walk.walk(collection.roots, own=store.path.parent)
    absent = roots.absent(collection.roots, listing, known, collection.name)
    differing = changes.between(known, listing, absent)
    gone = {before.id for before in differing.gone}
    changed = [found.path for found in differing.pending] + [path for path in known if known[path].id in gone]
    return Look(changed, absent, to_follow(collection, listing))


def to_follow(collection: Collection, listing: Listing) -> list[str]:
    """List the folders in which something may happen to the collection."""
    # Changes of a file that was added by itself, and of a link, are told of by its folder.
    around = [str(r.path.parent) for r in collection.roots if str(r.path) in listing.files or r.path.is_symlink()]
    return [*listing.folders, *around]


def of(
    store: Store, collection: Collection, stale: str | None, watched: str | None, engine: VectorEngine, *, check: bool
) -> CollectionStatus:
    """Describe one collection; `stale` is what is known without looking at its files, which `check` does."""
    with store.read() as connection:
        counts = chunk_store.counts(connection, collection.serving.id) if collection.serving else (0, 0)
        elsewhere = _elsewhere(connection, collection, engine)
    changed, reason = None, stale
    if check:
        changed, seen = _looked(store, collection)
        reason = stale or seen
    return CollectionStatus(
        name=collection.name,
        folders=[str(root.path) for root in collection.roots],
        documents=counts[0],
        chunks=counts[1],
        files=collection.coverage.get("files"),
        skipped=collection.coverage.get("skipped"),
        other_types=collection.coverage.get("other_types"),
        changed=changed,
        instruction=collection.instruction,
        checkpoint=collection.serving.checkpoint if collection.serving else None,
        synced_at=collection.synced_at,
        stale=reason is not None,
        reason=reason,
        watched=watched,
        store=elsewhere,
    )


def _elsewhere(connection: sqlite3.Connection, collection: Collection, engine: VectorEngine) -> str | None:
    """Say where the vectors are, if not in home."""
    if collection.serving is None or not isinstance(engine, Elsewhere):
        return None
    return engine.described(View(connection, collection, collection.serving))


def _looked(store: Store, collection: Collection) -> tuple[int | None, str | None]:
    """How many files differ from what is indexed of them, and the sentence that says so."""
    try:
        seen = look(store, collection)
    except InstructorError as error:
        return None, f"collection `{collection.name}`: {error.message}"
    count = len(seen.changed)
    if seen.absent:
        return count, f"collection `{collection.name}`: {'; '.join(seen.absent.values())}"
    if not count:
        return 0, None
    names = ", ".join(Path(path).name for path in seen.changed[:_NAMED]) + (", …" if count > _NAMED else "")
    return count, (
        f"collection `{collection.name}`: {count:,} files have changed since the last sync ({names}); "
        f"run `openclaw-instructor index sync {collection.name}`"
    )
