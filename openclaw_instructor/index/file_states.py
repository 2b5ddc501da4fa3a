"""Every file of a collection as it stands: indexed, waiting for a sync, unreadable, left out, gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from openclaw_instructor.index import catalogue, changes, chunk_store, roots, walk

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Collection
    from openclaw_instructor.index.listing import Listing
    from openclaw_instructor.index.path_filter import PathFilter
    from openclaw_instructor.index.store import Store

State: TypeAlias = Literal["indexed", "empty", "new", "changed", "gone", "unreadable", "left out"]
STATES: tuple[State, ...] = ("indexed", "empty", "new", "changed", "gone", "unreadable", "left out")


@dataclass(frozen=True)
class FileState:
    """A file and what the index has of it.

    `indexed`: found as it is on disk. `empty`: read, without a word in it. `new`, `changed` and `gone`: a sync has not
    seen that yet, and `passages` are those of before. `unreadable`: no reader could read it. `left out`: the walk over
    the folders did not take it. `reason` says why, and for an indexed file what could not be read of it.
    """

    file: str
    collection: str
    state: State
    passages: int = 0
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the state as JSON."""
        return asdict(self)


def of(store: Store, collection: Collection, path: PathFilter | None = None) -> list[FileState]:
    """List the files of a collection by path; with `path`, those that it names or fits.

    Nothing is read but names and times. Files of types that are not read are not listed.
    """
    generation = collection.serving.id if collection.serving else None
    with store.read() as connection:
        stored = catalogue.documents(connection, [generation]) if generation is not None else []
        known = chunk_store.known(connection, generation) if generation is not None else {}
    listing = walk.walk(collection.roots, own=store.path.parent)
    absent = roots.absent(collection.roots, listing, known, collection.name)
    differing = changes.between(known, listing, absent)
    changed = {found.path for found in differing.pending}
    gone = {lost.id for lost in differing.gone}
    states = [_stored(document, collection.name, changed, gone) for document in stored]
    seen = {state.file for state in states}
    states += [FileState(file, collection.name, "new") for file in sorted(changed - seen)]
    states += _left_out(listing, collection.name)
    places = {found.path: found.place for found in listing.files.values()} | {d.path: d.place for d in stored}
    if path is not None:
        fitting = {
            row["path"] for row in path.chosen([{"path": s.file, "place": places.get(s.file, s.file)} for s in states])
        }
        states = [state for state in states if state.file in fitting]
    return sorted(states, key=lambda state: state.file)


def _stored(document: catalogue.IndexedDocument, collection: str, changed: set[str], gone: set[int]) -> FileState:
    state: State = "indexed" if document.passages else "empty"
    if document.reason:
        state = "unreadable"
    if document.path in changed:
        state = "changed"
    if document.id in gone:
        state = "gone"
    return FileState(document.path, collection, state, document.passages, document.reason or "; ".join(document.notes))


def _left_out(listing: Listing, collection: str) -> Iterator[FileState]:
    for file, reason in dict([*listing.named_but_left_out, *listing.skipped]).items():
        if file not in listing.files:
            yield FileState(file, collection, "left out", 0, reason)
    for folder, reason in listing.lost.items():
        yield FileState(folder, collection, "left out", 0, reason)
