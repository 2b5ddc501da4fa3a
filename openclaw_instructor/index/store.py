"""Open, read and write the SQLite file that holds the index.

Every read sees one snapshot, every write is one transaction, and several processes may have the file open: WAL lets
readers go on beside the one writer. What the tables hold is in `collections.py` (collections and generations) and
`chunk_store.py` (documents, chunks, vectors and full text).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openclaw_instructor.errors import Busy, InstructorError, StoreError
from openclaw_instructor.index import fulltext
from openclaw_instructor.index.migrations import MIGRATIONS, migrate, version
from openclaw_instructor.lock import exclusive
from openclaw_instructor.untrusted import sentence

_BUSY_SECONDS = 30.0
_IDLE_READERS = 4

_File = tuple[int, int] | None


class Store:
    """One index file. Safe to share between threads. Raises StoreError when the file or its folder cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer_lock = threading.Lock()
        self._pool_lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        self._log: _File = None
        self._prepare()
        self._file = self._written = _identity(path)
        with self._plainly():
            self._writer = self._open()

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
            with self._pool_lock:
                self._follow()
            if self._written != self._file:
                self._writer.close()
                self._writer, self._written = self._open(), self._file
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def compact(self) -> int:
        """Give back the room of what was deleted; returns the bytes of the file afterwards.

        Takes as much free disk as the file is large. Raises StoreError, and Busy while somebody reads or writes.
        """
        with self._writer_lock, self._plainly(), contextlib.closing(self._open()) as connection:
            connection.execute("INSERT INTO passages (passages) VALUES ('optimize')")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self.size

    @property
    def size(self) -> int:
        """The bytes that the file takes on disk, with what is not yet merged into it."""
        parts = (self.path, self.path.with_name(f"{self.path.name}-wal"))
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
        log = self.path.with_name(f"{self.path.name}-wal")
        if self._closed or _identity(self.path) == self._file:
            self._log = _identity(log)
            return
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        if self._log is not None and _identity(log) == self._log:
            # What was written to the file before would be replayed onto this one.
            log.unlink(missing_ok=True)
            self.path.with_name(f"{self.path.name}-shm").unlink(missing_ok=True)
        self._prepare()
        self._file = _identity(self.path)

    def _prepare(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made by us before SQLite sees it: -wal and -shm take over the mode of the main file.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(
                f"the index {self.path} cannot be opened for writing ({error.strerror}); "
                "make that folder writable, or set $OPENCLAW_INSTRUCTOR_HOME to one that is"
            ) from None
        with self._plainly():
            connection = self._connect()
            try:
                self._check_version(connection)
                if version(connection) < len(MIGRATIONS):
                    with exclusive(self.path.with_suffix(".lock"), _BUSY_SECONDS, "creating the index"):
                        connection.execute("PRAGMA journal_mode = WAL")
                        self._back_up(connection)
                        migrate(connection)
            finally:
                connection.close()

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

    def _check_version(self, connection: sqlite3.Connection) -> None:
        if version(connection) > len(MIGRATIONS):
            raise StoreError(
                f"the index {self.path} was written by a newer openclaw-instructor; upgrade this one, "
                "or set $OPENCLAW_INSTRUCTOR_HOME to another folder"
            )

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _open(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.row_factory = sqlite3.Row
        fulltext.register(connection)
        # The full-text index is slow to write with SQLite's 2 MB of cache; this is an upper bound, in KiB.
        # In WAL mode NORMAL may lose the last commits to a power cut, never consistency; a sync does them again.
        connection.executescript("PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;")
        return connection

    def _borrow(self) -> tuple[sqlite3.Connection, _File]:
        with self._pool_lock:
            if self._closed:
                raise StoreError(f"the index {self.path} has been closed; open it again")
            self._follow()
            if self._readers:
                return self._readers.pop(), self._file
            return self._open(), self._file

    def _give_back(self, connection: sqlite3.Connection, file: _File) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        with self._pool_lock:
            if not self._closed and file == self._file and len(self._readers) < _IDLE_READERS:
                self._readers.append(connection)
                return
        connection.close()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explained(error) from error
        except UnicodeDecodeError as error:
            # What SQLite says of a damaged schema quotes it, and Python decodes that.
            raise self._damaged("its schema is garbled") from error

    def _damaged(self, what: str) -> StoreError:
        return StoreError(
            f"the index {self.path} is damaged ({what}); move that file away, then run "
            "`openclaw-instructor index add NAME FOLDER` again: it is built anew from your files"
        )

    def _explained(self, error: sqlite3.Error) -> InstructorError:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Busy(f"another process is writing to the index {self.path}; try again in a moment", 2.0)
        if name.startswith("SQLITE_FULL"):
            return StoreError(f"no room left to write the index {self.path}; free disk space and run the command again")
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return StoreError(
                f"the index {self.path} cannot be written ({error}); make it and its folder writable, "
                "or set $OPENCLAW_INSTRUCTOR_HOME to a folder that is"
            )
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or str(error).startswith("no such "):
            return self._damaged(sentence(str(error), 200))
        return StoreError(f"the index {self.path} failed ({error}); run `openclaw-instructor doctor`")


def _identity(path: Path) -> _File:
    """Return device and inode of the file at the path, or None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
