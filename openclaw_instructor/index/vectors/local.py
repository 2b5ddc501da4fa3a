"""Search vectors in this process: the engine that is always there.

Each generation has one snapshot with its own lock, so that building one never delays a search of another.
"""

from __future__ import annotations

import contextlib
import heapq
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.index.vectors import graph as graphs
from openclaw_instructor.index.vectors import snapshot_file
from openclaw_instructor.index.vectors.background import Background
from openclaw_instructor.index.vectors.exact import FaissVectors, NumpyVectors
from openclaw_instructor.index.vectors.protocol import reopened
from openclaw_instructor.index.vectors.snapshot import EXACT_VECTORS, LocalSnapshot

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Generation
    from openclaw_instructor.index.filters import Filter
    from openclaw_instructor.index.vectors.protocol import Ids, Matrix, Searcher, View

# So few passages that pass are read from the store and compared one by one.
_FEW = 256
# How many more than are asked for the graph proposes: it ranks by rounded vectors, and some may be gone.
_SPARE = 28
_WIDER = 4
_SUFFIXES = (*(f".{backend.suffix}" for backend in (FaissVectors, NumpyVectors)), f".{graphs.SUFFIX}")


class LocalVectorEngine:
    """The snapshots of all generations that this process has searched or synced; a `VectorEngine`."""

    def __init__(self, folder: Path, exact_vectors: int | None = EXACT_VECTORS) -> None:
        """Keep files in `folder`; collections of up to `exact_vectors` are searched exactly, with None all of them."""
        self.folder = folder
        self._exact_vectors = exact_vectors
        self._snapshots: dict[str, LocalSnapshot] = {}
        self._lock = threading.Lock()
        self._background = Background()
        snapshot_file.remove_leftovers(folder)

    def open(self, view: View) -> tuple[Searcher, list[str]]:
        """Return a searcher that is up to date with the view; see `VectorEngine`."""
        snapshot = self._snapshot(view)
        before = snapshot.revision
        notes = snapshot.follow(view, whole=False)
        if snapshot.is_due or (snapshot.state.graph is not None and before != snapshot.revision):
            self._background.request(view.generation.key, _upkeep(snapshot, view))
        if behind := len(snapshot.state.behind):
            notes.append(
                f"collection `{view.collection.name}`: the index of {behind:,} vectors is being built; until then they "
                "are compared one by one, which is slow"
            )
        return LocalSearcher(snapshot, view), notes

    def update(self, view: View) -> list[str]:
        """Bring memory and files up to date with the view; see `VectorEngine`."""
        snapshot = self._snapshot(view)
        notes = snapshot.follow(view, whole=True)
        snapshot.consolidate(view, lambda: True)
        return notes

    def keep(self, generations: Mapping[str, Generation]) -> None:
        """Drop, in memory and on disk, what belongs to none of these, by collection name."""
        keys = {generation.key for generation in generations.values()}
        stems = {_stem(name, generation) for name, generation in generations.items()}
        with self._lock:
            self._snapshots = {key: snapshot for key, snapshot in self._snapshots.items() if key in keys}
        for path in self.folder.glob("*-*.*"):
            # Another process may finish or drop it between two looks.
            with contextlib.suppress(FileNotFoundError):
                if path.stem not in stems and path.suffix in _SUFFIXES:
                    path.unlink()

    def verify(self, view: View) -> list[str]:
        """Compare the files of a generation with the store; see `KeepsFiles`."""
        stem = self.folder / _stem(view.collection.name, view.generation)
        return LocalSnapshot(stem, view.generation, self._exact_vectors).verify(view)

    def close(self) -> None:
        """Free the memory; the files stay."""
        self._background.stop()
        with self._lock:
            self._snapshots.clear()

    def _snapshot(self, view: View) -> LocalSnapshot:
        with self._lock:
            key = view.generation.key
            if key not in self._snapshots:
                stem = self.folder / _stem(view.collection.name, view.generation)
                self._snapshots[key] = LocalSnapshot(stem, view.generation, self._exact_vectors)
            return self._snapshots[key]


@dataclass(frozen=True)
class LocalSearcher:
    """One generation's snapshot as one view sees it."""

    snapshot: LocalSnapshot
    view: View

    def search(self, query: Matrix, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        """Search among the vectors that pass the filter, which the store evaluates."""
        allowed = self.view.passing(wanted)
        snapshot = self.snapshot
        if snapshot.state.graph is not None and allowed is not None and len(allowed) <= _FEW:
            return self._compared(query, limit, allowed)
        with snapshot.lock:
            state = snapshot.state
            near = snapshot.tail.search(query, limit, allowed) if len(snapshot.tail) else []
        if state.graph is None and not len(state.behind):
            return near
        near += self._compared(query, limit, _among(state.behind, allowed))
        if state.graph is None:
            return _best(near, limit)
        proposed = limit + _SPARE
        while True:
            ids = state.graph.search(query, proposed, allowed)
            found = _best(self._compared(query, limit, _union(ids, near)), limit)
            # Fewer than asked for: many of the proposed ones are gone from the store.
            if len(found) >= limit or len(ids) < proposed:
                return found
            proposed *= _WIDER

    def _compared(self, query: Matrix, limit: int, ids: Ids) -> list[tuple[int, float]]:
        """Compare the query with the vectors that the store has of these ids."""
        found: list[tuple[int, float]] = []
        for known, vectors in self.view.vectors(ids):
            scored = zip(known.tolist(), (vectors @ query).tolist(), strict=True)
            found = _best([*found, *scored], limit)
        return found


def _upkeep(snapshot: LocalSnapshot, view: View) -> Callable[[Callable[[], bool]], None]:
    """Return the job that compares all ids with the store's, and builds the graph if that is due."""
    database, collection, generation = view.database, view.collection, view.generation

    def run(go_on: Callable[[], bool]) -> None:
        with contextlib.suppress(graphs.Stopped), reopened(database, collection, generation) as now:
            if now is not None:
                snapshot.compare(now, now.ids())
                snapshot.consolidate(now, go_on)

    return run


def _best(found: list[tuple[int, float]], limit: int) -> list[tuple[int, float]]:
    return heapq.nsmallest(limit, found, key=lambda item: (-item[1], item[0]))


def _among(ids: Ids, allowed: Ids | None) -> Ids:
    import numpy as np

    return ids if allowed is None or not len(ids) else np.intersect1d(ids, allowed)


def _union(ids: Ids, found: list[tuple[int, float]]) -> Ids:
    import numpy as np

    return np.union1d(ids, np.array([key for key, _ in found], dtype=np.int64))


def _stem(name: str, generation: Generation) -> str:
    return f"{name}-{generation.identity[:16]}"
