"""Search vectors in Milvus: it proposes passages, and the vectors of the store decide.

Everything that Milvus holds is derived from the store. What it lacks yet is compared with the store's vectors, what it
has too much is not in the store any more, so an answer is right whatever state Milvus is in.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.errors import Busy, InstructorError, VectorsUnavailable
from openclaw_instructor.index.vectors import snapshot_file
from openclaw_instructor.index.vectors.background import Background
from openclaw_instructor.index.vectors.milvus import ledger
from openclaw_instructor.index.vectors.milvus import snapshot as snapshots
from openclaw_instructor.index.vectors.milvus.owner import owner
from openclaw_instructor.index.vectors.milvus.server import MOST_PROPOSED, MilvusServer
from openclaw_instructor.index.vectors.milvus.snapshot import MilvusSnapshot, Place
from openclaw_instructor.index.vectors.protocol import reopened

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Generation
    from openclaw_instructor.index.filters import Filter
    from openclaw_instructor.index.vectors.milvus.address import Address
    from openclaw_instructor.index.vectors.protocol import Ids, Matrix, Searcher, View

_log = logging.getLogger(__name__)
PREFIX = "openclaw_instructor_"
# Where a filter lets so few passages through, their vectors are read from the store and compared one by one.
FEW = 2_048
# So many ids are sent to Milvus as a filter; with more, it proposes more than are asked for.
SENT = 16_384
_SPARE, _WIDER = 28, 4
_SYNC_PATIENCE_SECONDS = 600.0
# After a failure searches do not wait for the server for so long.
_DOWN_SECONDS = 10.0


class MilvusVectorEngine:
    """The collections of one home in a Milvus; a `VectorEngine`."""

    def __init__(self, home: Path, folder: Path, address: Address) -> None:
        """Keep ledgers in `folder`. Nothing is asked of Milvus yet."""
        self._home, self._folder = home, folder
        self._server = MilvusServer(address)
        self._snapshots: dict[str, MilvusSnapshot] = {}
        self._lock = threading.Lock()
        self._background = Background()
        self._down: tuple[float, VectorsUnavailable] | None = None
        snapshot_file.remove_leftovers(folder)

    def open(self, view: View) -> tuple[Searcher, list[str]]:
        """Return a searcher that is up to date with the view; see `VectorEngine`.

        Raises VectorsUnavailable where Milvus cannot be used and there are too many vectors to do without it.
        """
        snapshot = self._snapshot(view)
        try:
            self._look(snapshot)
        except VectorsUnavailable as error:
            return self._without(snapshot, view, error)
        if snapshot.follow(view):
            self._background.request(view.generation.key, _upkeep(snapshot, view))
        notes = []
        if (lacking := len(snapshot.missing)) > snapshots.COMPARED:
            notes.append(
                f"collection `{view.collection.name}`: {lacking:,} vectors are not in Milvus yet, so their passages "
                "are found by words only; `openclaw-instructor index sync` sends them"
            )
        return MilvusSearcher(snapshot, view), notes

    def update(self, view: View) -> list[str]:
        """Bring Milvus up to date with the view; see `VectorEngine`. Raises VectorsUnavailable."""
        try:
            self._snapshot(view).push(lambda: contextlib.nullcontext(view), lambda: True, _SYNC_PATIENCE_SECONDS)
        except VectorsUnavailable as error:
            self._down = time.monotonic(), error
            raise
        self._down = None
        return []

    def keep(self, generations: Mapping[str, Generation]) -> None:
        """Drop this home's collections of all other generations, in Milvus too; what fails is done the next time."""
        keys = {generation.key for generation in generations.values()}
        with self._lock:
            self._snapshots = {key: held for key, held in self._snapshots.items() if key in keys}
        for path in self._folder.glob(f"*.{ledger.SUFFIX}"):
            if path.stem not in keys:
                path.unlink(missing_ok=True)
        try:
            self._check_up()
            prefix = self._prefix()
            for name in self._server.names(prefix):
                if name.removeprefix(prefix) not in keys:
                    self._server.drop(name)
        except InstructorError as error:
            _log.warning("vectors of what was removed are still in Milvus, until the next sync: %s", error.message)

    def verify(self, view: View) -> list[str]:
        """Compare Milvus with the store; see `KeepsFiles`. Raises VectorsUnavailable."""
        return self._snapshot(view).verify(view)

    def reached(self) -> str:
        """Ask Milvus for the collections of this home; see `Elsewhere`. Raises VectorsUnavailable and MissingExtra."""
        count = len(self._server.names(self._prefix()))
        return f"{self._server.address.shown}: {count} {'collection' if count == 1 else 'collections'} of this home"

    def described(self, view: View) -> str:
        """Say where the vectors of the view are, and how many of them; see `Elsewhere`."""
        snapshot = self._snapshot(view)
        try:
            self._look(snapshot)
        except VectorsUnavailable as error:
            return error.message
        snapshot.follow(view)
        total = snapshot.count() + len(snapshot.missing)
        return f"{self._server.address.shown}: {snapshot.count():,} of {total:,} vectors"

    def close(self) -> None:
        """Close the connection; what Milvus has stays."""
        self._background.stop()
        with self._lock:
            self._snapshots.clear()
        self._server.close()

    def _check_up(self) -> None:
        """Raise the VectorsUnavailable of a moment ago, if there was one, without asking again."""
        if self._down is not None and time.monotonic() - self._down[0] < _DOWN_SECONDS:
            raise self._down[1]

    def _look(self, snapshot: MilvusSnapshot) -> None:
        self._check_up()
        try:
            snapshot.look()
        except VectorsUnavailable as error:
            self._down = time.monotonic(), error
            raise
        self._down = None

    def _without(self, snapshot: MilvusSnapshot, view: View, error: VectorsUnavailable) -> tuple[Searcher, list[str]]:
        """Search without Milvus, if the vectors are few enough."""
        snapshot.follow(view)
        if not snapshot.few:
            raise error
        name = view.collection.name
        return StoredSearcher(view, view.ids()), [f"collection `{name}` is searched without Milvus: {error.message}"]

    def _snapshot(self, view: View) -> MilvusSnapshot:
        key = view.generation.key
        with self._lock:
            if key not in self._snapshots:
                place = Place(
                    self._server,
                    f"{self._prefix()}{key}",
                    owner(self._home),
                    self._folder / f"{key}.{ledger.SUFFIX}",
                    self._home / "milvus.lock",
                )
                self._snapshots[key] = MilvusSnapshot(place, view.generation)
            return self._snapshots[key]

    def _prefix(self) -> str:
        return f"{PREFIX}{owner(self._home)}_"


@dataclass(frozen=True)
class StoredSearcher:
    """Compares a query with the vectors of the store one by one."""

    view: View
    ids: Ids

    def search(self, query: Matrix, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        """Return the nearest that pass the filter; see `Searcher`."""
        allowed = self.view.passing(wanted)
        return _compared(self.view, query, limit, self.ids if allowed is None else _among(self.ids, allowed))


@dataclass(frozen=True)
class MilvusSearcher:
    """One generation in Milvus as one view sees it."""

    snapshot: MilvusSnapshot
    view: View

    def search(self, query: Matrix, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        """Return the nearest that pass the filter; see `Searcher`.

        Raises VectorsUnavailable where Milvus does not answer and there are too many vectors to do without it.
        """
        try:
            return self._search(query, limit, wanted)
        except VectorsUnavailable:
            self.snapshot.forget()
            if not self.snapshot.few:
                raise
            return StoredSearcher(self.view, self.view.ids()).search(query, limit, wanted)

    def _search(self, query: Matrix, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        import numpy as np

        allowed = self.view.passing(wanted)
        if allowed is not None and len(allowed) <= FEW:
            return _compared(self.view, query, limit, allowed)
        limit = min(limit, MOST_PROPOSED)
        missing = self.snapshot.missing[: snapshots.COMPARED]
        beside = missing if allowed is None else _among(missing, allowed)
        sent = allowed if allowed is not None and len(allowed) <= SENT else None
        proposed = min(limit + _SPARE, MOST_PROPOSED)
        while True:
            ids = self._proposed(query, proposed, sent)
            passing = ids if allowed is None or sent is not None else _among(ids, allowed)
            found = _compared(self.view, query, limit, np.union1d(passing, beside))
            # Fewer than asked for: they were dropped by the filter, or are gone from the store.
            if len(found) >= limit or len(ids) < proposed:
                return found
            if proposed >= MOST_PROPOSED:
                return found if allowed is None else _compared(self.view, query, limit, allowed)
            proposed = min(proposed * _WIDER, MOST_PROPOSED)

    def _proposed(self, query: Matrix, limit: int, among: Ids | None) -> Ids:
        if not self.snapshot.exists:
            return self.snapshot.missing[:0]
        place = self.snapshot.place
        return place.server.nearest(place.collection, query, limit, among, strong=self.snapshot.is_settling)


def _upkeep(snapshot: MilvusSnapshot, view: View) -> Callable[[Callable[[], bool]], None]:
    """Return the job that brings Milvus up to date with the generation as it is then."""
    database, collection, generation = view.database, view.collection, view.generation

    def opened() -> AbstractContextManager[View | None]:
        return reopened(database, collection, generation)

    def run(go_on: Callable[[], bool]) -> None:
        # Another process does it now, or the server is away, which the next search says.
        with contextlib.suppress(Busy, VectorsUnavailable):
            snapshot.push(opened, go_on, 0.0)

    return run


def _compared(view: View, query: Matrix, limit: int, ids: Ids) -> list[tuple[int, float]]:
    """Compare the query with the vectors that the store has of these ids; return the best, with their scores."""
    found: list[tuple[int, float]] = []
    for known, vectors in view.vectors(ids):
        found += zip(known.tolist(), (vectors @ query).tolist(), strict=True)
        found = heapq.nsmallest(limit, found, key=lambda item: (-item[1], item[0]))
    return found


def _among(ids: Ids, allowed: Ids) -> Ids:
    import numpy as np

    return np.intersect1d(ids, allowed)
