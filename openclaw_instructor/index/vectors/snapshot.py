"""Keep the vectors of each generation in memory and in a file, both derived from the store.

Each generation has one snapshot. It is loaded from its file if that is intact, and brought up to date with the ids of
the store; else it is built anew. Each has its own lock, so that building one never delays a search of another.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from openclaw_instructor.index.vectors.exact import FaissVectors, NumpyVectors, best_backend

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Generation
    from openclaw_instructor.index.filters import Filter
    from openclaw_instructor.index.vectors.exact import LocalVectors
    from openclaw_instructor.index.vectors.protocol import Matrix, Searcher, View

_FOOTER = struct.Struct("<I8s")
_MAGIC = b"ocivec01"
_NEVER = -1
_WORTH_SAVING = 100
# A file of more than so many times the vectors that are stored is rebuilt instead of read.
_WORTH_READING = 16
_MAX_FOOTER = 4_096


class LocalSnapshots:
    """The snapshots of all generations that this process has searched or synced; a `VectorEngine`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._snapshots: dict[str, LocalSnapshot] = {}
        self._lock = threading.Lock()
        _remove_leftovers(folder)

    def open(self, view: View) -> tuple[Searcher, list[str]]:
        """Return a searcher that is up to date with the view; see `VectorEngine`."""
        snapshot = self._snapshot(view)
        return LocalSearcher(snapshot, view), snapshot.follow(view, save=False)

    def update(self, view: View) -> list[str]:
        """Bring memory and file up to date with the view; see `VectorEngine`."""
        return self._snapshot(view).follow(view, save=True)

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
        """Compare the file of a generation with the store; see `KeepsFiles`."""
        return LocalSnapshot(self.folder / _stem(view.collection.name, view.generation), view.generation).verify(view)

    def close(self) -> None:
        """Free the memory; the files stay."""
        with self._lock:
            self._snapshots.clear()

    def _snapshot(self, view: View) -> LocalSnapshot:
        with self._lock:
            key = view.generation.key
            if key not in self._snapshots:
                stem = self.folder / _stem(view.collection.name, view.generation)
                self._snapshots[key] = LocalSnapshot(stem, view.generation)
            return self._snapshots[key]


@dataclass(frozen=True)
class LocalSearcher:
    """One generation's snapshot as one view sees it."""

    snapshot: LocalSnapshot
    view: View

    def search(self, query: Matrix, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        """Search among the vectors that pass the filter, which the store evaluates."""
        allowed = self.view.passing(wanted)
        with self.snapshot.lock:
            return self.snapshot.vectors.search(query, limit, allowed)


class LocalSnapshot:
    """The vectors of one generation, kept equal to the store's; whoever touches `vectors` holds `lock`."""

    def __init__(self, stem: Path, generation: Generation) -> None:
        backend = best_backend()
        self._make: Callable[[], FaissVectors | NumpyVectors] = lambda: backend(generation.dimension)
        self.path = stem.with_name(f"{stem.name}.{backend.suffix}")
        self._key = generation.key
        self._bytes_each = 4 * generation.dimension + 8
        self.lock = threading.RLock()
        # Not the file's revision: the first use compares all ids with the store's, whatever the file says.
        self.revision = -1
        self._loaded = False
        self.vectors: LocalVectors = self._make()
        self._saved_revision = _NEVER
        self._unsaved = 0

    def follow(self, view: View, *, save: bool) -> list[str]:
        """Bring memory up to date with the view, and with `save` the file too; return notes about the file."""
        with self.lock:
            note = None if self._loaded else self._load(len(view.ids()))
            self._loaded = True
            self._catch_up(view)
            if save or note:
                self._save()
            return [note] if note else []

    def verify(self, view: View) -> list[str]:
        """Load the file and say where it differs from the view; a file that lags behind does not."""
        import numpy as np

        with self.lock:
            if self._load(len(view.ids())):
                return [f"{self.path} is damaged"]
            held = self.vectors.ids()
            if self._saved_revision == view.generation.revision and not np.array_equal(held, view.ids()):
                return [f"{self.path} has other passages than the index"]
            shared = np.intersect1d(held, view.ids())
            batches = view.vectors(shared)
            if sum(int((self.vectors.of(ids) != vectors).any(axis=1).sum()) for ids, vectors in batches if len(ids)):
                return [f"{self.path} has other vectors than the index"]
        return []

    def _catch_up(self, view: View) -> None:
        """Add and remove only the ids that differ."""
        import numpy as np

        if self.revision == view.generation.revision:
            return
        held, wanted = self.vectors.ids(), view.ids()
        if len(held) != len(np.unique(held)):
            self.vectors, held = self._make(), held[:0]
        old = np.setdiff1d(held, wanted, assume_unique=True)
        self.vectors.remove(old)
        new = np.setdiff1d(wanted, held, assume_unique=True)
        self._unsaved += len(old) + len(new)
        for ids, vectors in view.vectors(new):
            self.vectors.add(ids, vectors)
        self.revision = view.generation.revision

    def _save(self) -> None:
        """Write the file unless it is nearly as new as memory. Best effort: without it the next process rebuilds."""
        total = len(self.vectors.ids())
        # What few vectors a file lacks are read from the store by whoever opens it, sooner than all are written.
        if self._saved_revision != _NEVER and self._unsaved * _WORTH_SAVING <= total:
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
                    # For as long as it is being written; the system lets go of it when the process dies.
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # Behind FAISS' own bytes, so that its tools still read the file.
                    file.writelines([data, footer, _FOOTER.pack(len(footer), _MAGIC)])
                temporary.replace(self.path)
                self._saved_revision = self.revision
                self._unsaved = 0
            finally:
                temporary.unlink(missing_ok=True)

    def _load(self, stored: int) -> str | None:
        """Load the file if it is intact and of this generation; return a note if it was damaged.

        What is far larger than `stored` vectors is not read: building anew takes less memory.
        """
        try:
            with self.path.open("rb") as file:
                footer = _read_footer(file)
                if file.seek(0, os.SEEK_END) > _WORTH_READING * (stored + _WORTH_READING) * self._bytes_each:
                    raise ValueError("it is larger than what the store holds")
                file.seek(0)
                data = file.read(footer.begins)
        except OSError:
            return None
        except (struct.error, ValueError, RecursionError):
            return self._note_of_damage()
        if footer.state.get("crc32") != zlib.crc32(data):
            return self._note_of_damage()
        try:
            if footer.state["generation"] == self._key:
                self.vectors.load(data)
                self._saved_revision = int(footer.state["revision"])
        except (ValueError, KeyError, TypeError, RuntimeError):
            return self._note_of_damage()
        return None

    def _note_of_damage(self) -> str:
        self.vectors = self._make()
        return f"the vector file {self.path} was damaged and has been rebuilt from the store"


class _Footer(NamedTuple):
    """What stands behind the vectors in a file: their checksum, generation and revision, and where it begins."""

    begins: int
    state: dict[str, Any]


def _read_footer(file: BinaryIO) -> _Footer:
    """Read the end of a vector file. Raises ValueError or struct.error when it is none."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _FOOTER.size))
    length, magic = _FOOTER.unpack(file.read(_FOOTER.size))
    begins = size - _FOOTER.size - length
    if magic != _MAGIC or length > _MAX_FOOTER or begins < 0:
        raise ValueError("it has no footer")
    file.seek(begins)
    state = json.loads(file.read(length))
    if not isinstance(state, dict):
        raise ValueError("its footer is no object")
    return _Footer(begins, state)


_SUFFIXES = tuple(f".{backend.suffix}" for backend in (FaissVectors, NumpyVectors))


def _remove_leftovers(folder: Path) -> None:
    """Remove files that a process began and never finished: those that nobody holds locked."""
    for path in folder.glob("*.tmp"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def _stem(name: str, generation: Generation) -> str:
    return f"{name}-{generation.identity[:16]}"
