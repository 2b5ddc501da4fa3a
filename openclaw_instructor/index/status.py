"""How a collection stands: what it holds, what it does not, and what has changed on disk since its last sync."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.errors import InstructorError
from openclaw_instructor.index import changes, chunk_store, roots, walk
from openclaw_instructor.index.results import CollectionStatus

if TYPE_CHECKING:
    from openclaw_instructor.index.changes import Changes
    from openclaw_instructor.index.collections import Collection
    from openclaw_instructor.index.store import Store

_NAMED = 3


def pending(store: Store, collection: Collection) -> tuple[Changes, dict[str, str]]:
    """Compare a collection with its files as they are now, and say which of its folders are not what they were.

    Nothing is read but names and times.
    """
    known = {}
    if collection.serving is not None:
        with store.read() as connection:
            known = chunk_store.known(connection, collection.serving.id)
    listing = walk.walk(collection.roots, own=store.path.parent)
    absent = roots.absent(collection.roots, listing, known, collection.name)
    return changes.between(known, listing, absent), absent


def of(store: Store, collection: Collection, stale: str | None, *, check: bool) -> CollectionStatus:
    """Describe one collection; `stale` is what is known without looking at its files, which `check` does."""
    with store.read() as connection:
        counts = chunk_store.counts(connection, collection.serving.id) if collection.serving else (0, 0)
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
    )


def _looked(store: Store, collection: Collection) -> tuple[int | None, str | None]:
    """How many files differ from what is indexed of them, and the sentence that says so."""
    try:
        differing, absent = pending(store, collection)
    except InstructorError as error:
        return None, f"collection `{collection.name}`: {error.message}"
    if absent:
        return len(differing), f"collection `{collection.name}`: {'; '.join(absent.values())}"
    if not differing:
        return 0, None
    paths = [found.path for found in differing.pending] + [
        path for path, known in differing.known.items() if known in differing.gone[:_NAMED]
    ]
    names = ", ".join(Path(path).name for path in paths[:_NAMED])
    return len(differing), (
        f"collection `{collection.name}`: {len(differing):,} files have changed since the last sync ({names}"
        f"{', …' if len(differing) > _NAMED else ''}); run `openclaw-instructor index sync {collection.name}`"
    )
