"""Keep the vectors of one generation in memory and in a file, both derived from the store.

Few vectors are searched exactly. From EXACT_VECTORS on most of them are in a graph (`graph.py`), which never changes,
and the `tail` of those that came later is searched exactly beside it. What is gone from the store is left out of every
answer, because scores are computed from the vectors of the store. When the tail has grown, a graph that has all is
built while the old one answers.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.index.vectors import graph as graphs
from openclaw_instructor.index.vectors import snapshot_file
from openclaw_instructor.index.vectors.exact import FaissVectors, NumpyVectors, best_backend
from openclaw_instructor.index.vectors.graph import Graph
from openclaw_instructor.index.vectors.snapshot_file import DamagedFile, Footer

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Generation
    from openclaw_instructor.index.vectors.exact import LocalVectors
    from openclaw_instructor.index.vectors.protocol import Ids, Matrix, View

# Up to so many vectors an exact search is as fast as one of the graph; `benchmarks/search.py` measures it.
EXACT_VECTORS = 32_768
# How many vectors the tail may have before they are taken into the graph: these, or a share of the graph's.
TAIL_VECTORS = 8_192
TAIL_SHARE = 0.02
# A graph is built from nothing once so large a share of it is gone from the store.
GONE_SHARE = 0.2
_NEVER = -1
_WORTH_SAVING = 100
# A file of more than so many times the vectors that are stored is rebuilt instead of read.
_WORTH_READING = 16
# The cosine that a vector of the graph has with the stored one at least: it is rounded.
_ROUNDED = 0.98
_EXACT = "exact"


@dataclass(frozen=True)
class State:
    """What a search uses: the graph, and the ids that are neither in it nor in the tail."""

    graph: Graph | None
    behind: Ids


class LocalSnapshot:
    """The vectors of one generation, kept equal to the store's; whoever touches `tail` holds `lock`.

    `exact_vectors` is the number up to which there is no graph; None for never.
    """

    def __init__(self, stem: Path, generation: Generation, exact_vectors: int | None = EXACT_VECTORS) -> None:
        import numpy as np

        backend = best_backend()
        self._make: Callable[[], FaissVectors | NumpyVectors] = lambda: backend(generation.dimension)
        self.path = stem.with_name(f"{stem.name}.{backend.suffix}")
        self.graph_path = stem.with_name(f"{stem.name}.{graphs.SUFFIX}")
        self._generation = generation
        self._exact_vectors = exact_vectors if backend is FaissVectors else None
        self.lock = threading.RLock()
        self._building = threading.Lock()
        # Of an exact file not its revision: the first use compares all ids with the store's, whatever it says.
        self.revision = _NEVER
        self._loaded = False
        self.tail: LocalVectors = self._make()
        self.state = State(None, np.empty(0, dtype=np.int64))
        self._highest = _NEVER
        self._graph_file: tuple[int, int] | None = None
        self._saved_revision = _NEVER
        self._unsaved = 0

    def follow(self, view: View, *, whole: bool) -> list[str]:
        """Bring memory up to date with the view; return notes about the files.

        With `whole` all ids are compared with the store's, and the file of an exact snapshot is written.
        """
        with self.lock:
            notes = [] if self._loaded else self._load(view)
            first, self._loaded = not self._loaded, True
            if self.revision != view.generation.revision:
                self._find_newer_graph()
                if first or whole or self.state.graph is None:
                    self.compare(view, view.ids())
                else:
                    self._take(view, view.ids_above(self._highest))
                self.revision = view.generation.revision
            if whole or notes:
                self._save()
            return notes

    @property
    def is_due(self) -> bool:
        """Whether so many vectors are in no graph that it should be built."""
        with self.lock:
            graph, behind = self.state.graph, self.state.behind
            if self._exact_vectors is None:
                return False
            few = self._exact_vectors if graph is None else max(TAIL_VECTORS, int(TAIL_SHARE * len(graph)))
            return len(self.tail) + len(behind) > few

    def compare(self, view: View, wanted: Ids) -> None:
        """Take up and drop what differs from the ids that the view lists."""
        import numpy as np

        few = self._exact_vectors is not None and 2 * len(wanted) <= self._exact_vectors
        graph = None if few else self.state.graph
        # Before the lock is taken: among many this takes a while, and a graph never changes.
        outside = wanted if graph is None else wanted[~graph.has(wanted)]
        with self.lock:
            if few:
                self._forget_graph()
            if graph is not self.state.graph:
                # Another one was built meanwhile, from ids that are as new as these.
                return
            held = self.tail.ids()
            if len(held) != len(np.unique(held)):
                self.tail, held = self._make(), held[:0]
            old = np.setdiff1d(held, outside, assume_unique=True)
            if self.revision not in (_NEVER, view.generation.revision):
                # What was published after the ids were listed stays.
                old = old[old <= (wanted[-1] if len(wanted) else self._highest)]
            self.tail.remove(old)
            self._unsaved += len(old)
            self.state = State(graph, held[:0])
            self._take(view, np.setdiff1d(outside, held, assume_unique=True))
            self._highest = max(self._highest, int(wanted[-1]) if len(wanted) else _NEVER)

    def consolidate(self, view: View, go_on: Callable[[], bool]) -> None:
        """Take the tail into the graph, if that is due; nobody who searches waits for it.

        Raises `graph.Stopped` once `go_on` says no.
        """
        with self._building:
            if not self.is_due:
                return
            wanted, base = view.ids(), self.state.graph
            if base is not None and base.has(wanted).sum() < (1 - GONE_SHARE) * len(base):
                base = None
            graph = graphs.build(self.graph_path, view, wanted, go_on, base)
            with self.lock:
                self._use(graph)
                with contextlib.suppress(OSError):
                    self.path.unlink()
                self._saved_revision = _NEVER

    def verify(self, view: View) -> list[str]:
        """Load the files and say where they differ from the view; one that lags behind does not."""
        import numpy as np

        with self.lock:
            if notes := self._load(view):
                return [note.removeprefix("the vector file ").split(" was ")[0] + " is damaged" for note in notes]
            graph, listed = self.state.graph, view.ids()
            path, held, revision = self.path, self.tail.ids(), self._saved_revision
            if graph is not None:
                path, held, revision = graph.path, np.sort(graph.ids), graph.revision
            if revision == view.generation.revision and not np.array_equal(held, listed):
                return [f"{path} has other passages than the index"]
            shared = np.intersect1d(held, listed)
            if any(self._differs(ids, vectors) for ids, vectors in view.vectors(shared) if len(ids)):
                return [f"{path} has other vectors than the index"]
        return []

    def _differs(self, ids: Ids, vectors: Matrix) -> bool:
        """Say whether a stored vector (n, dimension) of these ids differs from what the file has."""
        if self.state.graph is None:
            return bool((self.tail.of(ids) != vectors).any())
        return bool(((self.state.graph.vectors_of(ids) * vectors).sum(axis=1) < _ROUNDED).any())

    def _use(self, graph: Graph) -> None:
        """Search this graph from now on."""
        held, behind = self.tail.ids(), self.state.behind
        self.tail.remove(held[graph.has(held)])
        self.state = State(graph, behind[~graph.has(behind)])
        self._graph_file = snapshot_file.version(graph.path)
        self._highest = max(self._highest, int(graph.ids.max()))

    def _take(self, view: View, new: Ids) -> None:
        """Add vectors to the tail, as far as they may take memory; the others are `behind`."""
        import numpy as np

        graph = self.state.graph
        room = len(new)
        if self._exact_vectors is not None:
            room = max(self._exact_vectors, int(TAIL_SHARE * len(graph)) if graph else 0) - len(self.tail)
        near, behind = new[: max(0, room)], new[max(0, room) :]
        for ids, vectors in view.vectors(near):
            self.tail.add(ids, vectors)
        self._unsaved += len(near)
        if len(behind):
            self.state = State(graph, np.union1d(self.state.behind, behind))
        self._highest = max(self._highest, int(new[-1]) if len(new) else _NEVER)

    def _find_newer_graph(self) -> None:
        """Use the graph that another process has built meanwhile."""
        if snapshot_file.version(self.graph_path) in (None, self._graph_file) or self._exact_vectors is None:
            return
        try:
            graph = Graph.open(self.graph_path, self._generation.key, self._generation.dimension)
        except DamagedFile:
            return
        if graph is not None:
            self._use(graph)

    def _forget_graph(self) -> None:
        self.state = State(None, self.state.behind)
        self._graph_file = None
        with contextlib.suppress(OSError):
            self.graph_path.unlink()

    def _save(self) -> None:
        """Write the file of an exact snapshot, unless it is nearly as new as memory. Without it the next rebuilds."""
        total = len(self.tail)
        # What few vectors a file lacks are read from the store by whoever opens it, sooner than all are written.
        fresh = self._saved_revision != _NEVER and self._unsaved * _WORTH_SAVING <= total
        if fresh or self.state.graph is not None or len(self.state.behind):
            return
        data = self.tail.dump()
        footer = Footer(self._generation.key, self.revision, kind=_EXACT)
        if snapshot_file.write(self.path, footer, lambda target: target.write_bytes(data)):
            self._saved_revision = self.revision
            self._unsaved = 0

    def _load(self, view: View) -> list[str]:
        """Load the file if it is intact and of this generation; return a note for each that was damaged.

        A damaged graph stays until another is written in its place.
        """
        notes = []
        try:
            if self._exact_vectors is not None:
                graph = Graph.open(self.graph_path, self._generation.key, self._generation.dimension)
                if graph is not None:
                    self._use(graph)
                    # It has all that the store had then, and no other state of it has this revision.
                    self.revision = graph.revision
        except DamagedFile:
            notes.append(f"the vector file {self.graph_path} was damaged and is rebuilt from the store")
        if self.state.graph is None:
            try:
                self._load_exact(view)
            except (DamagedFile, ValueError, RuntimeError, OSError):
                self.tail = self._make()
                notes.append(f"the vector file {self.path} was damaged and has been rebuilt from the store")
        return notes

    def _load_exact(self, view: View) -> None:
        footer = snapshot_file.read_footer(self.path)
        if footer is not None and footer.kind == _EXACT and footer.generation == self._generation.key:
            if footer.size > _WORTH_READING * (len(view.ids()) + _WORTH_READING) * (4 * self._generation.dimension + 8):
                raise DamagedFile("it is larger than what the store holds")
            with self.path.open("rb") as file:
                self.tail.load(file.read(footer.size))
            self._saved_revision = footer.revision
