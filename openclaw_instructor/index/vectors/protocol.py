"""What the index asks of an engine of nearest vectors, so that another one can stand behind it.

A `VectorEngine` opens a `Searcher` on one generation of a collection as a snapshot of the store shows it. The store is
the only truth: an engine that keeps vectors of its own catches up with the ids that the view lists before it answers.
`snapshot.py` is the engine that is always there; `engines.py` finds those of other packages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from openclaw_instructor.index import chunk_store, filters

if TYPE_CHECKING:
    import sqlite3

    import numpy as np
    import numpy.typing as npt

    from openclaw_instructor.index.collections import Collection, Generation
    from openclaw_instructor.index.filters import Filter

    Ids = npt.NDArray[np.int64]
    Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """One generation of a collection in one snapshot of the store.

    What the store can tell an engine: which vectors there are, and which of them a filter lets through.
    """

    connection: sqlite3.Connection
    collection: Collection
    generation: Generation

    def ids(self) -> Ids:
        """All chunk ids, ascending."""
        return chunk_store.chunk_ids(self.connection, self.generation.id)

    def vectors(self, ids: Ids) -> Iterator[tuple[Ids, Matrix]]:
        """Batches of (ids (n,), unit vectors (n, dimension) as float32) of these chunks."""
        return chunk_store.vectors_of(self.connection, ids, self.generation.dimension)

    def passing(self, wanted: Filter) -> Ids | None:
        """The chunk ids that the filter lets through; None when it lets all of them through."""
        return filters.chunk_ids(self.connection, wanted)


class Searcher(Protocol):
    """Nearest vectors of one generation."""

    def search(self, query: Matrix, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        """(chunk id, inner product) of the nearest to `query` (dimension,) that the filter lets through, best first."""


class VectorEngine(Protocol):
    """Opens searchers. Called by several threads at once: it locks each generation on its own."""

    def open(self, view: View) -> tuple[Searcher, list[str]]:
        """A searcher in step with the view, and notes for people, such as that a damaged file was rebuilt."""

    def update(self, view: View) -> list[str]:
        """Catch up with the view after a sync, and keep the result on disk where the engine does; returns notes."""

    def keep(self, generations: Mapping[str, Generation]) -> None:
        """Drop what belongs to none of these generations, given by collection name."""

    def close(self) -> None:
        """Free what is held in memory."""
