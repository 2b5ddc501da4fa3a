"""Read the index of a home that cannot be written: a read-only disk, or the folder of another user."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from openclaw_instructor.errors import Busy, StoreError
from openclaw_instructor.index import checksums, fulltext, replacement, store_errors
from openclaw_instructor.index.migrations import MIGRATIONS, version
from openclaw_instructor.index.store import Store

_BUSY_SECONDS = 30.0


def open_store(path: Path) -> Store:
    """Open or create the index, or one that is there for reading only where its folder cannot be written.

    Raises StoreError.
    """
    there = path.is_file() and os.access(path, os.R_OK)
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)
    return ReadOnlyStore(path) if there and not writable else Store(path)


class ReadOnlyStore(Store):
    """An index file that is read as it lies there. Each read opens it anew, so that it sees what others have written.

    Raises StoreError for one that has to be written before it can be read: it is of an older version, or its last
    changes are not merged into it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.read() as connection:
            found = version(connection)
        if found > len(MIGRATIONS):
            raise store_errors.newer(path)
        if found < len(MIGRATIONS):
            raise StoreError(
                f"the index {path} is of an older version and cannot be written; make it and its folder writable once, "
                "and run the command again"
            )

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one unchanging state of the file; Busy if somebody wrote to it meanwhile."""
        shared = replacement.beside(self.path, replacement.SHARED_MEMORY).exists()
        before = self._stamp()
        with store_errors.explained(self.path):
            connection = self._connect_to(shared)
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                connection.close()
        if not shared and self._stamp() != before:
            raise Busy(f"another process wrote to the index {self.path} while it was read; try again", 1.0)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Raise StoreError."""
        self._refuse()
        yield

    def compact(self) -> int:
        """Raise StoreError."""
        self._refuse()

    def close(self) -> None:
        """Do nothing: no connection stays open."""

    def _refuse(self) -> NoReturn:
        raise StoreError(
            f"the index {self.path} can only be read, because it or its folder cannot be written; make them writable, "
            "or set $OPENCLAW_INSTRUCTOR_HOME to a folder that is"
        )

    def _connect_to(self, shared: bool) -> sqlite3.Connection:
        """Connect for reading; `shared`: a process that can write has the file open, or had it open when it died."""
        log = replacement.beside(self.path, replacement.LOG)
        if not shared and log.exists() and log.stat().st_size:
            raise StoreError(
                f"the index {self.path} cannot be read before {log.name} is merged into it, and it cannot be written; "
                "make it and its folder writable once, and run the command again"
            )
        # Without locks and logs, neither of which can be made here, the file has to be one that nobody changes.
        query = "mode=ro" if shared else "immutable=1"
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{query}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        fulltext.register(connection)
        checksums.register(connection)
        connection.executescript("PRAGMA query_only = ON; PRAGMA cache_size = -65536;")
        return connection

    def _stamp(self) -> tuple[int, int, int]:
        status = self.path.stat()
        return status.st_ino, status.st_mtime_ns, status.st_size
