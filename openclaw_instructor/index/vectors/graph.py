"""Search many vectors approximately: FAISS' HNSW graph over vectors rounded to one byte for each component.

A graph never changes once it is made: its file is mapped into memory, searched by any number of threads, and replaced
by another. It only proposes candidates, whose scores are computed from the vectors of the store. Malkov and Yashunin,
"Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical Navigable Small World Graphs", TPAMI 2020.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor.index.vectors import snapshot_file
from openclaw_instructor.index.vectors.snapshot_file import DamagedFile, Footer

if TYPE_CHECKING:
    from openclaw_instructor.index.vectors.protocol import Ids, Matrix, View

KIND = "hnsw"
SUFFIX = "hnsw"
# Neighbours of a vector in the graph, and how many candidates are looked at to choose them. `benchmarks/search.py`
# measures what these and EFFORT cost and find.
NEIGHBOURS = 24
BUILD_EFFORT = 80
# How many candidates a search keeps; more find more and take longer.
EFFORT = 500
# Up to this share of the vectors, those that pass a filter are compared one by one.
SCANNED_SHARE = 0.1
_BATCH = 8_192
_TRAINING = 20_000
# Rows that are compared at a time.
_BLOCK = 2_048


class Stopped(Exception):
    """Whoever asked for a graph no longer wants it."""


@dataclass(frozen=True)
class Graph:
    """The graph in a file; `ids` (n,) are the chunk ids of its rows."""

    path: Path
    revision: int
    ids: Ids
    _index: Any
    _order: Ids | None

    @classmethod
    def open(cls, path: Path, key: str, dimension: int) -> Graph | None:
        """Map the file of the generation with this key into memory; None if there is none. Raises DamagedFile."""
        import numpy as np

        footer = snapshot_file.read_footer(path)
        if footer is None or footer.kind != KIND or footer.generation != key:
            return None
        try:
            index = _faiss().read_index(str(path), _faiss().IO_FLAG_MMAP_IFC)
            ids = np.fromfile(path, dtype="<i8", count=index.ntotal, offset=footer.size - 8 * index.ntotal)
        except (RuntimeError, OSError, ValueError) as error:
            raise DamagedFile(str(error)) from None
        if index.d != dimension or len(ids) != index.ntotal:
            raise DamagedFile(f"dimension {index.d} instead of {dimension}")
        return cls.of(path, footer.revision, ids.astype(np.int64), index)

    @classmethod
    def of(cls, path: Path, revision: int, ids: Ids, index: Any) -> Graph:
        """Make a graph of a FAISS index whose rows are the vectors of these ids."""
        import numpy as np

        ascending = bool((np.diff(ids) > 0).all())
        return cls(path, revision, ids, index, None if ascending else np.argsort(ids))

    def __len__(self) -> int:
        return len(self.ids)

    def search(self, query: Matrix, limit: int, allowed: Ids | None = None) -> Ids:
        """Return the ids of about the `limit` nearest to `query` (dimension,); only among `allowed` when given."""
        faiss = _faiss()
        # One query has too little work for two threads, and other requests need the cores.
        faiss.omp_set_num_threads(1)
        limit = min(limit, len(self))
        if allowed is None:
            parameters = faiss.SearchParametersHNSW(efSearch=max(EFFORT, limit))
            return self._found(self._index, query, limit, parameters)
        rows = self.rows(allowed)
        if len(rows) <= SCANNED_SHARE * len(self):
            return self._scanned(query, limit, rows)
        # As many of those that pass are looked at as without a filter.
        effort = int(max(EFFORT, limit) * len(self) / len(rows))
        parameters = faiss.SearchParametersHNSW(efSearch=effort, sel=self._selector(rows))
        return self._found(self._index, query, limit, parameters)

    def _scanned(self, query: Matrix, limit: int, rows: Ids) -> Ids:
        """Compare the query with these rows one by one.

        They are copied together, because a selector would be asked about every other row as well; block by block, so
        that the copies stay in the processor's cache, and straight into the index that compares them.
        """
        import numpy as np

        faiss = _faiss()
        storage = faiss.downcast_index(self._index.storage)
        some = faiss.IndexScalarQuantizer(storage.d, faiss.ScalarQuantizer.QT_8bit, storage.metric_type)
        some.sq, some.is_trained = storage.sq, True
        some.codes.resize(min(_BLOCK, len(rows)) * storage.code_size)
        table, copies = _codes(storage), _codes(some)
        near: list[tuple[Matrix, Ids]] = [(np.empty(0, dtype=np.float32), rows[:0])]
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            some.ntotal = len(block)
            # All of them are rows of the table; without a mode they would be copied twice.
            np.take(table, block, axis=0, out=copies[: len(block)], mode="clip")
            scores, places = some.search(query.reshape(1, -1), min(limit, len(block)))
            near.append((scores[0], block[places[0]]))
        scores, best = (np.concatenate(parts) for parts in zip(*near, strict=True))
        found: Ids = self.ids[best[np.argsort(-scores, kind="stable")[:limit]]]
        return found

    def rows(self, ids: Ids) -> Ids:
        """Find the rows of those ids that are in the graph."""
        places, there = self._places(ids)
        found: Ids = places[there] if self._order is None else self._order[places[there]]
        return found

    def vectors_of(self, ids: Ids) -> Matrix:
        """Return the rounded vectors (n, dimension) of these ids, which are all there."""
        import numpy as np

        codes = _faiss().downcast_index(self._index.storage)
        vectors = np.stack([codes.reconstruct(int(row)) for row in self.rows(ids)])
        rounded: Matrix = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return rounded

    def has(self, ids: Ids) -> Any:
        """Say of each id (n,) whether it is in the graph."""
        return self._places(ids)[1]

    def _places(self, ids: Ids) -> tuple[Ids, Any]:
        """Return where each id (n,) would be among the ids in ascending order, and whether it is there."""
        import numpy as np

        known = self.ids if self._order is None else self.ids[self._order]
        # Most ids are of one row without gaps, so their places are told by their distances.
        places = np.clip(ids - known[0], 0, len(known) - 1)
        if (there := known[places] == ids).all():
            return places, there
        places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return places, known[places] == ids

    def _selector(self, rows: Ids) -> Any:
        import numpy as np

        passing = np.zeros(len(self), dtype=bool)
        passing[rows] = True
        return _faiss().IDSelectorBitmap(np.packbits(passing, bitorder="little"))

    def _found(self, index: Any, query: Matrix, limit: int, parameters: Any) -> Ids:
        if limit < 1:
            return self.ids[:0]
        _, rows = index.search(query.reshape(1, -1), limit, params=parameters)
        found: Ids = self.ids[rows[0][rows[0] >= 0]]
        return found


def build(path: Path, view: View, ids: Ids, go_on: Callable[[], bool], base: Graph | None = None) -> Graph:
    """Write the graph of the vectors of these ids, and open it; `base` is one that has some of them already.

    Takes the memory of the graph, whatever else the store holds. Ids that are gone from the store meanwhile are left
    out. Where the folder takes no file, the graph stays in memory. Raises Stopped once `go_on` says no.
    """
    import numpy as np

    faiss, generation = _faiss(), view.generation
    # A search before in the same thread used one.
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    if base is None:
        index, held = _empty(view, ids), ids[:0]
    else:
        # Not mapped: what is mapped cannot grow.
        index, held = faiss.read_index(str(base.path)), base.ids
    rows = [held]
    for found, vectors in _batches(view, ids if base is None else ids[~base.has(ids)]):
        if not go_on():
            raise Stopped
        index.add(vectors)
        rows.append(found)
    held = np.concatenate(rows)

    def fill(target: Path) -> None:
        try:
            faiss.write_index(index, str(target))
        except RuntimeError as error:
            raise OSError(str(error)) from None
        with target.open("ab") as file:
            file.write(held.astype("<i8").tobytes())

    footer = Footer(generation.key, generation.revision, kind=KIND, details={"vectors": len(held)})
    opened = None
    if snapshot_file.write(path, footer, fill):
        opened = Graph.open(path, generation.key, generation.dimension)
    return opened or Graph.of(path, generation.revision, held, index)


def _empty(view: View, ids: Ids) -> Any:
    """Make an empty graph whose components are rounded within the range that these vectors have."""
    import numpy as np

    faiss = _faiss()
    metric = faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexHNSWSQ(view.generation.dimension, faiss.ScalarQuantizer.QT_8bit, NEIGHBOURS, metric)
    index.hnsw.efConstruction = BUILD_EFFORT
    sample = [vectors for _, vectors in view.vectors(ids[:: -(-len(ids) // _TRAINING) or 1])]
    index.train(np.concatenate(sample))
    return index


def _batches(view: View, ids: Ids) -> Iterator[tuple[Ids, Matrix]]:
    for start in range(0, len(ids), _BATCH):
        yield from view.vectors(ids[start : start + _BATCH])


def _codes(index: Any) -> Any:
    """Return the rounded vectors of a FAISS index as they lie in its memory, a row of bytes for each."""
    return _faiss().rev_swig_ptr(index.codes.data(), index.codes.size()).reshape(-1, index.code_size)


def _faiss() -> Any:
    """Import FAISS, whose types do not name all that it has."""
    import faiss

    return faiss
