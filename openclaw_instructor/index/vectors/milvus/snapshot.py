"""Keep one generation's vectors in one collection of Milvus, and know which of them are there.

Who may write holds a lock of home. It first marks the state row as incomplete and, when it is done, writes the ledger
and the row's new stamp: whoever is killed in between leaves a row that tells the next one to list what Milvus has.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor import lock
from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.index.vectors import snapshot_file
from openclaw_instructor.index.vectors.milvus import ledger
from openclaw_instructor.index.vectors.milvus.problems import CollectionLost
from openclaw_instructor.index.vectors.milvus.server import MilvusServer, State

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Generation
    from openclaw_instructor.index.vectors.protocol import Ids, View

_NEVER = -1
# How long what Milvus said of itself counts, unless another process has written since.
_LOOK_SECONDS = 30.0
# Milvus shows every reader within five seconds what another has written; until then a search asks it to wait.
_SETTLING_SECONDS = 15.0
# So many vectors are read from the store and compared one by one.
COMPARED = 20_000
_DIFFERENT = 1e-3


@dataclass(frozen=True)
class Place:
    """Where the vectors of a generation are: a collection of a server, and beside it files of home."""

    server: MilvusServer
    collection: str
    owner: str
    ledger: Path
    lock: Path


class MilvusSnapshot:
    """What one process knows of a collection. Safe to share between threads."""

    def __init__(self, place: Place, generation: Generation) -> None:
        import numpy as np

        self.place = place
        self.lock = threading.RLock()
        self._key, self._identity, self._dimension = generation.key, generation.identity, generation.dimension
        self._none: Ids = np.empty(0, dtype=np.int64)
        self._stamp, self._held = "", self._none
        self._revision = self._highest = _NEVER
        self._looked, self._changed = -_LOOK_SECONDS, -_SETTLING_SECONDS
        self._written: tuple[int, int] | None = None
        self.missing: Ids = self._none
        self.exists = False

    @property
    def is_settling(self) -> bool:
        """Whether something was written to Milvus a moment ago."""
        return time.monotonic() - self._changed < _SETTLING_SECONDS

    def look(self) -> None:
        """Ask Milvus whether it has what the ledger says, unless it was asked a moment ago.

        Raises VectorsUnavailable, and InvalidSettings where the collection belongs to another home.
        """
        with self.lock:
            written = snapshot_file.version(self.place.ledger)
            if written == self._written and time.monotonic() - self._looked < _LOOK_SECONDS:
                return
            try:
                state, self.exists = self._state(), True
            except CollectionLost:
                state, self.exists = None, False
            stamp = _told(state)
            self._adopt(stamp)
            self._written = written
            # Where the ledger is not that of the row, somebody may be about to write one of them.
            self._looked = time.monotonic() if stamp == self._stamp else -_LOOK_SECONDS

    def forget(self) -> None:
        """Ask Milvus again at the next look."""
        with self.lock:
            self._looked = -_LOOK_SECONDS

    def follow(self, view: View) -> bool:
        """Find what the view has and Milvus lacks (`missing`); say whether Milvus may have to be brought up to date."""
        import numpy as np

        with self.lock:
            changed = self._revision != view.generation.revision
            if self._revision == _NEVER:
                ids = view.ids()
                self.missing = np.setdiff1d(ids, self._held, assume_unique=True)
            elif changed:
                ids = view.ids_above(self._highest)
                self.missing = np.union1d(self.missing, np.setdiff1d(ids, self._held, assume_unique=True))
            if changed:
                self._highest = max(self._highest, int(ids[-1]) if len(ids) else _NEVER)
                self._revision = view.generation.revision
            return changed or bool(len(self.missing))

    def push(
        self, opened: Callable[[], AbstractContextManager[View | None]], go_on: Callable[[], bool], wait: float
    ) -> None:
        """Bring Milvus up to date with the view that is opened once nobody else does.

        Stops early where `go_on` says no. Raises VectorsUnavailable, Busy and InvalidSettings.
        """
        import numpy as np

        with lock.exclusive(self.place.lock, wait, "writing to Milvus"), opened() as view:
            if view is None:
                return
            wanted = view.ids()
            state, created = self._prepared()
            stamp, held = ledger.read(self.place.ledger, self._key)
            known = state is not None and state.complete and stamp == state.stamp
            if not known:
                stamp, held = "", self._none if created else self.place.server.ids(self.place.collection)
            old = np.setdiff1d(held, wanted, assume_unique=True)
            new = np.setdiff1d(wanted, held, assume_unique=True)
            if not known or len(old) or len(new) or (state and state.revision != view.generation.revision):
                self._write(view, stamp, (held, old, new), go_on)
            with self.lock:
                self._looked, self._revision = -_LOOK_SECONDS, _NEVER
                self.look()

    def verify(self, view: View) -> list[str]:
        """Say where Milvus differs from the view, beyond lagging behind it; of very many vectors a sample is compared.

        Raises VectorsUnavailable and InvalidSettings.
        """
        import numpy as np

        server, name = self.place.server, self.place.collection
        shown = f"the collection `{name}` of {server.address.shown}"
        dimension = server.dimension(name)
        if dimension is None:
            return [f"{shown} is not there"]
        if dimension != self._dimension:
            return [f"{shown} has dimension {dimension}, the index {self._dimension}"]
        state, listed, held = self._state(), view.ids(), server.ids(name)
        if state is None or not state.complete:
            return [f"{shown} was left incomplete"]
        if state.revision == view.generation.revision and not np.array_equal(held, listed):
            return [f"{shown} has other passages than the index"]
        shared = np.intersect1d(held, listed)
        for ids, vectors in view.vectors(shared[:: max(1, len(shared) // COMPARED)]):
            order = np.argsort(ids)
            found = np.concatenate([each for _, each in server.vectors(name, ids[order])] or [vectors[:0]])
            if found.shape != vectors.shape or bool((np.abs(found - vectors[order]) > _DIFFERENT).any()):
                return [f"{shown} has other vectors than the index"]
        return []

    def count(self) -> int:
        """Count the vectors that Milvus is known to have."""
        return len(self._held)

    @property
    def few(self) -> bool:
        """Whether all vectors of the view that was followed can be compared one by one."""
        return len(self._held) + len(self.missing) <= COMPARED

    def _state(self) -> State | None:
        """Read the state row. Raises CollectionLost, and InvalidSettings where it is another home's."""
        state = self.place.server.state(self.place.collection)
        if state is not None and (state.owner, state.key) != (self.place.owner, self._key):
            raise InvalidSettings(
                f"the collection `{self.place.collection}` of {self.place.server.address.shown} belongs to another "
                "home; drop or rename it there, or give this home a database of its own in `store`"
            )
        return state

    def _prepared(self) -> tuple[State | None, bool]:
        """Make sure that there is a collection of the right dimension; return its state, and whether it is new."""
        server, name = self.place.server, self.place.collection
        dimension = server.dimension(name)
        state = None if dimension is None else self._state()
        if dimension == self._dimension:
            return state, False
        if dimension is not None:
            server.drop(name)
        server.create(name, self._dimension)
        return None, True

    def _write(self, view: View, base: str, ids: tuple[Ids, Ids, Ids], go_on: Callable[[], bool]) -> None:
        """Delete the `old` and insert the `new` of (held, old, new), between a state row that says so and the next."""
        import numpy as np

        server, name = self.place.server, self.place.collection
        held, old, new = ids
        stamp = secrets.token_hex(8)
        state = State(
            self.place.owner, self._key, self._identity, stamp, view.generation.revision, base, complete=False
        )
        server.write_state(name, state, self._dimension)
        if len(old):
            server.remove(name, old)
        done = [np.setdiff1d(held, old, assume_unique=True)]
        finished = True
        for known, vectors in view.vectors(new):
            if not (finished := go_on()):
                break
            server.add(name, known, vectors)
            done.append(known)
        # What has no vector of this dimension in the store is not asked for again.
        present = np.union1d(done[0], new) if finished else np.unique(np.concatenate(done))
        server.settle(name)
        ledger.write(self.place.ledger, self._key, stamp, present)
        revision = view.generation.revision if finished else _NEVER
        server.write_state(name, replace(state, complete=True, revision=revision), self._dimension)
        self._changed = time.monotonic()

    def _adopt(self, stamp: str) -> None:
        """Take up the ledger of this stamp; without it nothing is known to be in Milvus."""
        if stamp and stamp == self._stamp:
            return
        found, held = ledger.read(self.place.ledger, self._key)
        if not stamp or found != stamp:
            found, held = "", self._none
        if found != self._stamp:
            self._changed = time.monotonic()
        self._stamp, self._held, self._revision, self._highest = found, held, _NEVER, _NEVER


def _told(state: State | None) -> str:
    """Return the stamp of the ledger that counts: while somebody writes, that of before."""
    if state is None:
        return ""
    return state.stamp if state.complete else state.base
