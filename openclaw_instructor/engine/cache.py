"""Cache embeddings in SQLite by identity and text hash; the least recently used are evicted first.

It is derived data: a damaged file is replaced, and a disk that is full or read-only only switches the cache off. Keys
are digests and values are vectors, so the file holds no text.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import sqlite3
import threading
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from openclaw_instructor.engine.queue import Vector

logger = logging.getLogger(__name__)

# With row ids, because a table clustered by digest would write a page for every vector.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vector (
    key BLOB PRIMARY KEY, used INTEGER NOT NULL, tokens INTEGER NOT NULL, truncated INTEGER NOT NULL,
    size INTEGER NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS vector_used ON vector (used, size);
"""
_VERSION = 3
_LEAVE_FREE = 200 << 20  # bytes of the disk that the cache leaves free
_ROW_OVERHEAD = 80  # bytes of keys, counters and index entries per row
_EVICT_TO = 0.9
_PARAMETERS = 500
_WRITTEN_AT_ONCE = 64  # vectors
# SQLite quotes a damaged schema in its message, which then is no UTF-8.
_DAMAGE = (sqlite3.Error, UnicodeDecodeError)


def text_key(identity: str, text: str) -> bytes:
    """Hash what determines an embedding; surrounding white space does not count, as in a prompt."""
    digest = hashlib.blake2b(identity.encode(), digest_size=20)
    digest.update(b"\0" + text.strip().encode("utf-8", "surrogatepass"))
    return digest.digest()


def _checksum(key: bytes, tokens: int, truncated: int, data: object) -> int:
    """Compute the checksum of a row; values that are not bytes, as in a damaged file, never match."""
    if not isinstance(data, bytes) or len(data) % 4 or not isinstance(tokens, int) or not isinstance(truncated, int):
        return -1
    return zlib.crc32(data, zlib.crc32(b"%s %d %d" % (key, tokens, truncated)))


class EmbeddingCache:
    """Thread-safe. `limit` is in bytes; `patience` in seconds, for a file that another process holds.

    `problem` says why the cache is off, when it is.
    """

    def __init__(self, path: Path, limit: int, *, patience: float = 5.0) -> None:
        self._path = path
        self._limit = limit
        self._patience = patience
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._clock = 0
        self._size = 0
        self.problem: str | None = None
        self.hits = 0
        self.misses = 0
        try:
            self._open()
        except (OSError, *_DAMAGE) as error:
            self._recover(error)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """Return the cached vectors among `keys`."""
        import numpy as np

        found: dict[bytes, Vector] = {}
        with self._lock:
            if self._connection is None:
                return found
            try:
                for start in range(0, len(keys), _PARAMETERS):
                    part = keys[start : start + _PARAMETERS]
                    marks = ",".join("?" * len(part))
                    rows = self._connection.execute(
                        f"SELECT key, tokens, truncated, checksum, data FROM vector WHERE key IN ({marks})",  # noqa: S608
                        part,
                    )
                    for key, tokens, truncated, checksum, data in rows:
                        # SQLite has no checksums: a damaged page may read as a valid row with other numbers.
                        if checksum == _checksum(key, tokens, truncated, data):
                            found[key] = Vector(np.frombuffer(data, dtype="<f4"), tokens, bool(truncated))
                self._touch(list(found))
            except _DAMAGE as error:
                self._recover(error)
            self.hits += sum(key in found for key in keys)
            self.misses += sum(key not in found for key in keys)
        return found

    def put(self, vectors: Mapping[bytes, Vector]) -> None:
        """Store vectors, evicting the least recently used ones if need be."""
        with self._lock:
            if self._connection is None or not vectors or not self._has_room():
                return
            try:
                with self._connection:
                    self._clock += 1
                    rows = [
                        (
                            *(key, self._clock, v.tokens, v.truncated, v.values.nbytes + _ROW_OVERHEAD),
                            *(_checksum(key, v.tokens, v.truncated, data := v.values.tobytes()), data),
                        )
                        for key, v in vectors.items()
                    ]
                    self._connection.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                    self._size += sum(row[4] for row in rows)
                    if self._size > self._limit:
                        self._evict()
            except _DAMAGE as error:
                self._recover(error)

    def close(self) -> None:
        """Close the database; from then on nothing is found or stored."""
        with self._lock:
            self._disconnect()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(self._path, check_same_thread=False, timeout=self._patience)
        try:
            # Vectors of a few kilobytes fill such pages well, so the limit also holds for the file.
            connection.execute("PRAGMA page_size=16384")
            connection.execute("PRAGMA journal_mode=WAL")
            # A power failure only loses vectors that can be computed again.
            connection.execute("PRAGMA synchronous=OFF")
            if connection.execute("PRAGMA user_version").fetchone()[0] not in (0, _VERSION):
                connection.execute("DROP TABLE IF EXISTS vector")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version={_VERSION}")
            # A counter instead of the time, because clocks jump.
            self._clock = connection.execute("SELECT coalesce(max(used), 0) FROM vector").fetchone()[0]
            self._size = connection.execute("SELECT coalesce(sum(size), 0) FROM vector").fetchone()[0]
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _recover(self, error: Exception) -> None:
        """Replace a damaged file, skip a turn while another process locks it, else switch the cache off."""
        # A schema that is garbled lacks something.
        if isinstance(error, OSError | sqlite3.OperationalError) and not str(error).startswith("no such "):
            if "locked" not in str(error):
                self._switch_off(error)
            return
        logger.warning("the embedding cache %s is damaged (%s) and starts empty", self._path, error)
        try:
            self._disconnect()
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._open()
        except (OSError, *_DAMAGE) as again:
            self._switch_off(again)

    def _has_room(self) -> bool:
        """Whether the disk has more left than the cache must leave to others."""
        try:
            return shutil.disk_usage(self._path.parent).free > _LEAVE_FREE
        except OSError:
            return False

    def _touch(self, keys: Sequence[bytes]) -> None:
        if keys and self._connection is not None:
            self._clock += 1
            with self._connection:
                self._connection.executemany(
                    "UPDATE vector SET used = ? WHERE key = ?", [(self._clock, key) for key in keys]
                )

    def _evict(self) -> None:
        assert self._connection is not None
        # Recompute the size before evicting, because another process may share the file.
        self._size = self._connection.execute("SELECT coalesce(sum(size), 0) FROM vector").fetchone()[0]
        surplus = self._size - int(self._limit * _EVICT_TO)
        if self._size <= self._limit:
            return
        threshold = None
        for used, size in self._connection.execute("SELECT used, sum(size) FROM vector GROUP BY used ORDER BY used"):
            threshold, surplus = used, surplus - size
            if surplus <= 0:
                break
        self._connection.execute("DELETE FROM vector WHERE used <= ?", (threshold,))
        self._size = self._connection.execute("SELECT coalesce(sum(size), 0) FROM vector").fetchone()[0]

    def _switch_off(self, error: Exception) -> None:
        self.problem = f"{self._path}: the embedding cache is off ({error}); make room there or correct its permissions"
        logger.warning("%s", self.problem)
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class BufferedCache(EmbeddingCache):
    """Writes a few vectors at a time: a transaction for each single one costs nine times as much.

    Used from one thread only. What is held back is known to `get`, and lost with the process, as any cache may be.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.unwritten: dict[bytes, Vector] = {}
        super().__init__(path, limit)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """Return the cached vectors among `keys`, written or not."""
        held = {key: self.unwritten[key] for key in keys if key in self.unwritten}
        self.hits += len(held)
        return held | super().get([key for key in keys if key not in held])

    def put(self, vectors: Mapping[bytes, Vector]) -> None:
        """Hold vectors back until there are enough of them."""
        self.unwritten |= vectors
        if len(self.unwritten) >= _WRITTEN_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write the vectors that are held back."""
        super().put(self.unwritten)
        self.unwritten = {}

    def close(self) -> None:
        """Write what is held back, and close the database."""
        self.flush()
        super().close()
