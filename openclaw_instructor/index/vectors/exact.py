"""Search vectors in memory exactly: with FAISS' flat index, or with NumPy where FAISS cannot be imported."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

if TYPE_CHECKING:
    from openclaw_instructor.index.vectors.protocol import Ids, Matrix


# In FAISS' format the length of the header of an index, of which there are two, and where its count stands in it.
_HEADER, _TOTAL = 37, 8


class LocalVectors(Protocol):
    """Unit vectors by chunk id in this process; scores are inner products, so cosines."""

    def add(self, ids: Ids, vectors: Matrix) -> None:
        """Add vectors (n, dimension) under new ids."""

    def remove(self, ids: Ids) -> None:
        """Remove the vectors of these ids."""

    def search(self, query: Matrix, limit: int, allowed: Ids | None = None) -> list[tuple[int, float]]:
        """Return (id, score) of the nearest to `query` (dimension,), best first; only among `allowed` when given."""

    def __len__(self) -> int:
        """Count the vectors."""

    def ids(self) -> Ids:
        """List all ids, ascending."""

    def of(self, ids: Ids) -> Matrix:
        """Return the vectors (n, dimension) of these ids, which are all there."""

    def dump(self) -> bytes:
        """Serialize everything to bytes for `load` of the same class."""

    def load(self, data: bytes) -> None:
        """Replace everything by the bytes of `dump`. Raises ValueError or RuntimeError for other bytes."""


class FaissVectors(LocalVectors):
    """Exact search by FAISS: a flat inner-product index under an id map."""

    suffix = "faiss"

    def __init__(self, dimension: int) -> None:
        import faiss

        self._faiss: Any = faiss
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))

    @override
    def add(self, ids: Ids, vectors: Matrix) -> None:
        self._index.add_with_ids(vectors, ids)

    @override
    def remove(self, ids: Ids) -> None:
        if len(ids):
            self._index.remove_ids(ids)

    @override
    def search(self, query: Matrix, limit: int, allowed: Ids | None = None) -> list[tuple[int, float]]:
        parameters = None
        if allowed is not None:
            parameters = self._faiss.SearchParameters(sel=self._faiss.IDSelectorBatch(allowed))
        # One query has too little work for two threads, and other requests need the cores.
        self._faiss.omp_set_num_threads(1)
        scores, ids = self._index.search(
            query.reshape(1, -1), max(1, min(limit, self._index.ntotal)), params=parameters
        )
        return [(int(i), float(score)) for i, score in zip(ids[0], scores[0], strict=True) if i >= 0]

    @override
    def __len__(self) -> int:
        return int(self._index.ntotal)

    @override
    def ids(self) -> Ids:
        import numpy as np

        return np.sort(self._faiss.vector_to_array(self._index.id_map))

    @override
    def dump(self) -> bytes:
        data: bytes = self._faiss.serialize_index(self._index).tobytes()
        return data

    @override
    def of(self, ids: Ids) -> Matrix:
        vectors: Matrix = self._index.reconstruct_batch(ids)
        return vectors

    @override
    def load(self, data: bytes) -> None:
        """Replace everything by the bytes of `dump`, without the sizes that they claim."""
        import numpy as np

        # FAISS would allocate what a header claims; here the length of the file says how many vectors there are.
        dimension = self._index.d
        count, rest = divmod(len(data) - len(b"".join(self._frame(0))), 4 * dimension + 8)
        if rest or count < 0:
            raise ValueError(f"not a whole number of vectors of dimension {dimension}")
        head, between = self._frame(count)
        middle = len(head) + 4 * dimension * count
        if not data.startswith(head) or data[middle : middle + len(between)] != between:
            raise ValueError(f"not {count} vectors of dimension {dimension}")
        vectors = np.frombuffer(data, dtype="<f4", offset=len(head), count=dimension * count)
        ids = np.frombuffer(data, dtype="<i8", offset=middle + len(between), count=count)
        index = self._faiss.IndexIDMap2(self._faiss.IndexFlatIP(dimension))
        index.add_with_ids(vectors.reshape(count, dimension), ids)
        self._index = index

    def _frame(self, count: int) -> tuple[bytes, bytes]:
        """Return what FAISS writes before `count` vectors, and between them and their ids."""
        empty = self._faiss.serialize_index(self._faiss.IndexIDMap2(self._faiss.IndexFlatIP(self._index.d))).tobytes()
        head = bytearray(empty[:-8])
        for place, number in ((_TOTAL, count), (_HEADER + _TOTAL, count), (2 * _HEADER, self._index.d * count)):
            struct.pack_into("<Q", head, place, number)
        return bytes(head), struct.pack("<Q", count)


class NumpyVectors(LocalVectors):
    """Exact search with NumPy, for platforms where FAISS cannot be imported."""

    suffix = "npvec"

    def __init__(self, dimension: int) -> None:
        import numpy as np

        self._ids: Ids = np.empty(0, dtype=np.int64)
        self._vectors: Matrix = np.empty((0, dimension), dtype=np.float32)

    @override
    def add(self, ids: Ids, vectors: Matrix) -> None:
        import numpy as np

        self._ids = np.concatenate([self._ids, ids])
        self._vectors = np.concatenate([self._vectors, vectors])

    @override
    def remove(self, ids: Ids) -> None:
        import numpy as np

        kept = ~np.isin(self._ids, ids)
        self._ids, self._vectors = self._ids[kept], self._vectors[kept]

    @override
    def search(self, query: Matrix, limit: int, allowed: Ids | None = None) -> list[tuple[int, float]]:
        import numpy as np

        ids, vectors = self._ids, self._vectors
        if allowed is not None:
            chosen = np.isin(ids, allowed)
            ids, vectors = ids[chosen], vectors[chosen]
        scores = vectors @ query
        best = np.argsort(-scores, kind="stable")[:limit]
        return [(int(ids[i]), float(scores[i])) for i in best]

    @override
    def __len__(self) -> int:
        return len(self._ids)

    @override
    def ids(self) -> Ids:
        import numpy as np

        return np.sort(self._ids)

    @override
    def of(self, ids: Ids) -> Matrix:
        import numpy as np

        order = np.argsort(self._ids)
        return self._vectors[order[np.searchsorted(self._ids, ids, sorter=order)]]

    @override
    def dump(self) -> bytes:
        return self._ids.astype("<i8").tobytes() + self._vectors.astype("<f4").tobytes()

    @override
    def load(self, data: bytes) -> None:
        import numpy as np

        dimension = self._vectors.shape[1]
        count, rest = divmod(len(data), 8 + 4 * dimension)
        if rest:
            raise ValueError(f"not a whole number of vectors of dimension {dimension}")
        self._ids = np.frombuffer(data, dtype="<i8", count=count).astype(np.int64)
        self._vectors = np.frombuffer(data, dtype="<f4", offset=8 * count).reshape(count, dimension).astype(np.float32)


def best_backend() -> type[FaissVectors] | type[NumpyVectors]:
    """Return FaissVectors, or NumpyVectors where FAISS cannot be imported."""
    try:
        import faiss  # noqa: F401
    except ImportError:
        return NumpyVectors
    return FaissVectors
