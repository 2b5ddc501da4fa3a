"""Vector files: what a search looks through, derived from the store and never trusted over it.

One for each generation: loaded from its file when that is whole, caught up with the store by ids, else built anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import struct
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.index import chunk_store
from openclaw_instructor.index.vectors.exact import FaissVectors, NumpyVectors, best_backend

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Collection, Generation
    from openclaw_instructor.index.vectors.exact import Ids, Matrix, Vectors

_FOOTER = struct.Struct("<I8s")
_MAGIC = b"ocivec01"
_TEMPORARY_SECONDS = 3_600.0


class Shelf:
    """The vectors of all generations that this process has searched or synced. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._derived: dict[str, Derived] = {}
        self._lock = threading.RLock()

    def search(
        self,
        connection: sqlite3.Connection,
        collection: Collection,
        generation: Generation,
        query: Matrix,
        limit: int,
        allowed: Ids | None,
    ) -> tuple[list[tuple[int, float]], str | None]:
        """((chunk id, cosine) of the nearest, best first; what to say about the file, if anything)."""
        with self._lock:
            derived, note = self._current(connection, collection, generation)
            return derived.vectors.search(query, limit, allowed), note

    def spread(
        self, connection: sqlite3.Connection, collection: Collection, generation: Generation, query: Matrix
    ) -> float:
        """Standard deviation of the cosines of `query` over the whole collection."""
        with self._lock:
            return self._current(connection, collection, generation)[0].vectors.spread(query)

    def update(self, connection: sqlite3.Connection, collection: Collection, generation: Generation) -> str | None:
        """Bring memory and file to the state of the store; returns what to say about the file."""
        with self._lock:
            derived, note = self._current(connection, collection, generation)
            derived.save()
            return note

    def keep(self, generations: dict[str, Generation]) -> None:
        """Drop, in memory and on disk, what belongs to none of these, by collection name."""
        keys = {generation.key for generation in generations.values()}
        stems = {_stem(name, generation) for name, generation in generations.items()}
        with self._lock:
            self._derived = {key: derived for key, derived in self._derived.items() if key in keys}
        for path in self.folder.glob("*-*.*"):
            # Another process may finish or drop it between two looks.
            with contextlib.suppress(FileNotFoundError):
                # A young temporary file may be another process's that is just writing it.
                forgotten = path.suffix == ".tmp" and time.time() - path.stat().st_mtime > _TEMPORARY_SECONDS
                if forgotten or (path.stem not in stems and path.suffix in _SUFFIXES):
                    path.unlink()

    def clear(self) -> None:
        with self._lock:
            self._derived.clear()

    def _current(
        self, connection: sqlite3.Connection, collection: Collection, generation: Generation
    ) -> tuple[Derived, str | None]:
        derived, note = self._derived.get(generation.key), None
        if derived is None:
            derived = Derived(self.folder / _stem(collection.name, generation), generation)
            self._derived[generation.key] = derived
            note = derived.note
        derived.catch_up(connection, generation)
        if note:
            derived.save()
        return derived, note


@dataclass(frozen=True)
class Shelved:
    """One generation's vectors as one connection sees them; what there is to say of their file goes into `notes`."""

    shelf: Shelf
    connection: sqlite3.Connection
    collection: Collection
    generation: Generation
    notes: list[str]

    def search(self, query: Matrix, limit: int, allowed: Ids | None = None) -> list[tuple[int, float]]:
        found, note = self.shelf.search(self.connection, self.collection, self.generation, query, limit, allowed)
        self.notes.extend([note] if note else [])
        return found

    def spread(self, query: Matrix) -> float:
        return self.shelf.spread(self.connection, self.collection, self.generation, query)


class Derived:
    """The vectors of one generation, kept equal to the store's."""

    def __init__(self, stem: Path, generation: Generation) -> None:
        backend = best_backend()
        self._make: Callable[[], FaissVectors | NumpyVectors] = lambda: backend(generation.dimension)
        self._dimension = generation.dimension
        self.path = stem.with_name(f"{stem.name}.{backend.suffix}")
        self._key = generation.key
        # Not the file's revision: the first use compares all ids with the store's, whatever the file says.
        self.revision = -1
        self.vectors: Vectors = self._make()
        self._saved_revision = -1
        self.note = self._load()

    def catch_up(self, connection: sqlite3.Connection, generation: Generation) -> None:
        """Bring memory to the state that `connection` sees: only the ids that differ are touched."""
        import numpy as np

        if self.revision == generation.revision:
            return
        held, wanted = self.vectors.ids(), chunk_store.chunk_ids(connection, generation.id)
        if len(held) != len(np.unique(held)):
            self.vectors, held = self._make(), held[:0]
        self.vectors.remove(np.setdiff1d(held, wanted, assume_unique=True))
        new = np.setdiff1d(wanted, held, assume_unique=True)
        for ids, vectors in chunk_store.vectors_of(connection, new, self._dimension):
            self.vectors.add(ids, vectors)
        self.revision = generation.revision

    def save(self) -> None:
        """Write the file unless it is as new as memory. Best effort: without it the next process rebuilds."""
        if self._saved_revision == self.revision:
            return
        data = self.vectors.dump()
        state = {"generation": self._key, "revision": self.revision, "crc32": zlib.crc32(data)}
        footer = json.dumps(state).encode()
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    # Behind FAISS' own bytes, so that its tools still read the file.
                    file.writelines([data, footer, _FOOTER.pack(len(footer), _MAGIC)])
                temporary.replace(self.path)
                self._saved_revision = self.revision
            finally:
                temporary.unlink(missing_ok=True)

    def _load(self) -> str | None:
        """Take over the file if it is whole and of this generation; else say why it was left, unless there is none."""
        try:
            blob = self.path.read_bytes()
        except OSError:
            return None
        try:
            length, magic = _FOOTER.unpack(blob[-_FOOTER.size :])
            state = json.loads(blob[-_FOOTER.size - length : -_FOOTER.size]) if magic == _MAGIC else {}
            data = blob[: -_FOOTER.size - length]
            if state.get("crc32") != zlib.crc32(data):
                raise ValueError("its checksum does not match")
            if state["generation"] == self._key:
                self.vectors.load(data)
                self._saved_revision = int(state["revision"])
        except (struct.error, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
            self.vectors = self._make()
            return f"the vector file {self.path} was damaged and has been rebuilt from the store"
        return None


_SUFFIXES = tuple(f".{backend.suffix}" for backend in (FaissVectors, NumpyVectors))


def _stem(name: str, generation: Generation) -> str:
    return f"{name}-{generation.identity[:16]}"
