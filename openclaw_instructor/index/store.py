"""Open, read and write the SQLite file that holds the index.

Every read sees one snapshot, every write is one transaction, and several processes may have the file open: WAL lets
readers go on beside the one writer. What the tables hold is in `collections.py` (collections and generations) and
`chunk_store.py` (documents, chunks and full text).
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from openclaw_instructor.errors import StoreError
from openclaw_instructor.index import checksums, fulltext, replacement, store_errors
from openclaw_instructor.index.migrations import MIGRATIONS, migrate, version
from openclaw_instructor.lock import exclusive

_BUSY_SECONDS = 30.0
_IDLE_READERS = 8

_File = tuple[int, int] | None


class Store:
    """One index file. Safe to share between threads. Raises StoreError when the file or its folder cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer_lock = threading.Lock()
        self._pool_lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        self._lent = 0
        self._log: _File = None
        self._prepare()
        self._file = self._written = _identity(path)
        with self._plainly():
            self._writer = self._open_writer()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one unchanging state of the file."""
        with self._plainly():
            connection, file = self._borrow()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                self._give_back(connection, file)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Lend the writing connection inside one transaction: all of it is kept, or nothing."""
        with self._writer_lock, self._plainly():
            self._begin()
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def _begin(self) -> None:
        """Begin a transaction on the file that is at the path; the caller holds the lock of the writer."""
        while True:
            with self._pool_lock:
                self._follow()
                self._keep_log()
            if self._written != self._file:
                self._writer.close()
                self._writer, self._written = self._open_writer(), self._file
            self._writer.execute("BEGIN IMMEDIATE")
            if self._closed or _identity(self.path) == self._file:
                return
            # Whoever held the write lock meanwhile has put another file here: nothing may be written to this one.
            self._writer.execute("ROLLBACK")

    def compact(self) -> int:
        """Give back the room of what was deleted; returns the bytes of the file afterwards.

        Takes as much free disk as the file is large. Raises StoreError, and Busy while somebody reads or writes.
        """
        with self._writer_lock, self._plainly():
            with self._pool_lock:
                self._follow()
                self._keep_log()
            self._vacuum()
        return self.size

    def merge_log(self) -> None:
        """Merge the write-ahead log into the file, as far as nobody reads an older state."""
        with self._writer_lock, self._plainly():
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _vacuum(self) -> None:
        with contextlib.closing(self._open()) as connection:
            connection.execute("INSERT INTO passages (passages) VALUES ('optimize')")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def size(self) -> int:
        """The bytes that the file takes on disk, with what is not yet merged into it."""
        parts = (self.path, replacement.beside(self.path, replacement.LOG))
        return sum(part.stat().st_size for part in parts if part.exists())

    def close(self) -> None:
        """Close all connections."""
        with self._pool_lock:
            self._closed = True
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()
        with self._writer_lock:
            self._writer.close()

    def _follow(self) -> None:
        """Open the file that is at the path now, if it was moved away or replaced by a backup.

        The caller holds the lock of the readers.
        """
        log = replacement.beside(self.path, replacement.LOG)
        if self._closed or (_identity(self.path) == self._file and not replacement.waiting(self.path).exists()):
            return
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        if self._log is not None and _identity(log) == self._log and _identity(self.path) != self._file:
            # What was written to the file before would be replayed onto this one.
            log.unlink(missing_ok=True)
            replacement.beside(self.path, replacement.SHARED_MEMORY).unlink(missing_ok=True)
        self._prepare()
        self._file, self._log = _identity(self.path), None

    def _keep_log(self) -> None:
        """Merge what only this process still has of a log that was deleted under it, and open the file anew.

        The caller holds both locks. While others here read, it waits for a later call.
        """
        log = _identity(replacement.beside(self.path, replacement.LOG))
        if self._log is None or log == self._log or self._written != self._file:
            self._log = log
            return
        if self._lent:
            return
        if log is None:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        for connection in (*self._readers, self._writer):
            connection.close()
        self._readers.clear()
        self._writer = self._open_writer()
        self._log = None

    def _prepare(self) -> None:
        self._make()
        with self._plainly():
            connection = self._connect()
            try:
                if version(connection) > len(MIGRATIONS):
                    raise store_errors.newer(self.path)
                if version(connection) < len(MIGRATIONS):
                    with exclusive(self.path.with_suffix(".lock"), _BUSY_SECONDS, "creating the index"):
                        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
                            raise store_errors.unlockable(self.path)
                        self._back_up(connection)
                        migrate(connection)
            finally:
                connection.close()

    def _make(self) -> None:
        """Create the file if there is none, before SQLite sees it: -wal and -shm take over its mode."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replacement.finish(self.path)
            # Never opened and closed if it is there: that would drop the locks which SQLite holds on it for others in
            # this process.
            if not self.path.exists():
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            elif self.path.is_dir():
                raise StoreError(f"{self.path} is a folder, and the index belongs there; move that folder away")
            elif not os.access(self.path, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            elif not self.path.stat().st_size and (trace := self._trace()):
                raise store_errors.Damaged(self.path, f"it is empty, but {trace} was made from it")
        except OSError as error:
            raise StoreError(
                f"the index {self.path} cannot be opened for writing ({error.strerror}); "
                "make that folder writable, or set $OPENCLAW_INSTRUCTOR_HOME to one that is"
            ) from None

    def _trace(self) -> Path | None:
        """Find what only an index with something in it leaves behind."""
        home, log = self.path.parent, replacement.beside(self.path, replacement.LOG)
        if log.exists() and log.stat().st_size:
            return log
        return next(chain(home.glob("vectors/*-*.*"), home.glob(f"{self.path.name}.v*.backup")), None)

    def _back_up(self, connection: sqlite3.Connection) -> None:
        """Copy an index of an older version beside it, once, before a step is taken on it."""
        number = version(connection)
        copy = self.path.with_name(f"{self.path.name}.v{number}.backup")
        if not number or number == len(MIGRATIONS) or copy.exists():
            return
        fresh = copy.with_name(f"{copy.name}.{os.getpid()}.tmp")
        try:
            os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
            with contextlib.closing(sqlite3.connect(fresh)) as target:
                connection.backup(target)
            fresh.replace(copy)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"the index {self.path} could not be copied before it is brought to this version ({error}); free disk "
                "space and run the command again"
            ) from None
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _open(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.row_factory = sqlite3.Row
        fulltext.register(connection)
        checksums.register(connection)
        # The full-text index is slow to write with SQLite's 2 MB of cache; this is an upper bound, in KiB.
        # In WAL mode NORMAL may lose the last commits to a power cut, never consistency; a sync does them again.
        connection.executescript("PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;")
        return connection

    def _open_writer(self) -> sqlite3.Connection:
        connection = self._open()
        # From its first read on it shares a lock on the file, so that no other process deletes the log when it leaves.
        connection.execute("PRAGMA user_version").fetchone()
        return connection

    def _borrow(self) -> tuple[sqlite3.Connection, _File]:
        with self._pool_lock:
            if self._closed:
                raise StoreError(f"the index {self.path} has been closed; open it again")
            self._follow()
            # A reader does not wait for a writer; whoever comes next sees to the log.
            if self._writer_lock.acquire(blocking=False):
                try:
                    self._keep_log()
                finally:
                    self._writer_lock.release()
            connection = self._readers.pop() if self._readers else self._open()
            self._lent += 1
            return connection, self._file

    def _give_back(self, connection: sqlite3.Connection, file: _File) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        with self._pool_lock:
            self._lent -= 1
            if not self._closed and file == self._file and len(self._readers) < _IDLE_READERS:
                self._readers.append(connection)
                return
        connection.close()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        with store_errors.explained(self.path):
            yield


def _identity(path: Path) -> _File:
    """Return device and inode of the file at the path, or None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
