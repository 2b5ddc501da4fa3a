"""Define the protocol of a vector engine, so that the local one can be exchanged for another.

A `VectorEngine` opens a `Searcher` on one generation of a collection as a snapshot of the store shows it. The store is
the only truth: an engine that keeps vectors of its own catches up with the ids that the view lists before it answers.
`local.py` is the engine that is always there; `engines.py` finds those of other packages.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from openclaw_instructor.index import chunk_store, collections, filters, stored_vectors

if TYPE_CHECKING:
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
        """List all chunk ids, ascending."""
        return stored_vectors.chunk_ids(self.connection, self.generation.id)

    def ids_above(self, lowest: int) -> Ids:
        """List the ids of the chunks that were published after the one with this id, ascending."""
        return stored_vectors.chunk_ids_above(self.connection, self.generation.id, lowest)

    def documents(self) -> int:
        """Count the documents."""
        return chunk_store.document_count(self.connection, self.generation.id)

    def vectors(self, ids: Ids) -> Iterator[tuple[Ids, Matrix]]:
        """Yield batches of (ids (n,), float32 unit vectors (n, dimension)) of these chunks."""
        return stored_vectors.batches(self.connection, ids, self.generation.dimension)

    def passing(self, wanted: Filter) -> Ids | None:
        """List the chunk ids that pass the filter; None when all of them do."""
        return filters.chunk_ids(self.connection, wanted)

    @property
    def database(self) -> Path:
        """The file of the store."""
        (path,) = [row["file"] for row in self.connection.execute("PRAGMA database_list") if row["name"] == "main"]
        return Path(path)


@contextmanager
def reopened(database: Path, collection: Collection, generation: Generation) -> Iterator[View | None]:
    """Lend a view of the generation as it is now over a connection of its own, for a thread; None if it is gone."""
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        current = collections.generation(connection, generation.id)
        same = current is not None and current.key == generation.key
        yield View(connection, collection, current) if current and same else None


class Searcher(Protocol):
    """Searches the vectors of one generation."""

    def search(self, query: Matrix, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        """Return (chunk id, inner product) of the nearest to `query` (dimension,) that pass the filter, best first."""


class VectorEngine(Protocol):
    """Opens searchers. Called by several threads at once: it locks each generation on its own."""

    def open(self, view: View) -> tuple[Searcher, list[str]]:
        """Return a searcher that is up to date with the view, and notes such as that a damaged file was rebuilt.

        Raises VectorsUnavailable, and so may the searcher, where a server is needed and is away.
        """

    def update(self, view: View) -> list[str]:
        """Bring the engine up to date with the view after a sync, on disk too if it keeps files; return notes.

        Raises VectorsUnavailable.
        """

    def keep(self, generations: Mapping[str, Generation]) -> None:
        """Drop what belongs to none of these generations, given by collection name."""

    def close(self) -> None:
        """Free what is held in memory."""


@runtime_checkable
class KeepsFiles(Protocol):
    """An engine with files of its own, which can be compared with the store."""

    def verify(self, view: View) -> list[str]:
        """Say where the files differ from the view, beyond lagging behind it."""


@runtime_checkable
class Elsewhere(Protocol):
    """An engine that keeps vectors on another machine or in a service."""

    def reached(self) -> str:
        """Ask the service for anything, and say where it is. Raises InstructorError."""

    def described(self, view: View) -> str:
        """Say where they are, and how many of the view's; or why that is not known."""
