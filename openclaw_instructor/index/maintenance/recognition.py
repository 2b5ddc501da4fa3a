"""Recognise the files of imported documents, so that those which are what was exported do not wait for a sync."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents import reading
from openclaw_instructor.index import chunk_store, collections, files, walk

if TYPE_CHECKING:
    from openclaw_instructor.index.chunk_store import Known
    from openclaw_instructor.index.listing import Found
    from openclaw_instructor.index.store import Store


def recognise(store: Store, name: str) -> int:
    """Take the files of a collection that are as they were when they were exported for indexed.

    These have the size, time and content of then, which are read here for no more than that. Returns how many documents
    are left to the next sync: their files have other times or another content, or are not there.
    """
    with store.read() as connection:
        (collection,) = collections.named(collections.collections(connection), name)
        if collection.serving is None:
            return 0
        known = chunk_store.known(connection, collection.serving.id)
    listing = walk.walk(collection.roots, own=store.path.parent)
    same = [
        (before.id, found)
        for path, before in known.items()
        if (found := listing.files.get(path)) is not None and _same(found, before)
    ]
    with store.write() as connection:
        for document_id, found in same:
            chunk_store.retouch(connection, document_id, found.size, found.mtime_ns, found.ctime_ns)
    return len(known) - len(same)


def _same(found: Found, before: Known) -> bool:
    if (found.size, found.mtime_ns) != (before.size, before.mtime_ns):
        return False
    # Read by a newer reader, it may say something else.
    if not reading.current(before.reader, PurePath(found.path)):
        return False
    try:
        return files.digest(files.read_bytes(found.path)) == before.hash
    except files.Skipped:
        return False
