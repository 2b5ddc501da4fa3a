"""Copy the index while others use it, and put such a copy back."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidArguments, InvalidData, StoreError, UnreadableSource
from openclaw_instructor.index import checksums, fulltext, migrations, replacement, store_errors
from openclaw_instructor.index.maintenance import verification, whole_file

if TYPE_CHECKING:
    from openclaw_instructor.index.store import Store

_MAGIC = b"SQLite format 3\0"


def write(store: Store, target: Path) -> dict[str, Any]:
    """Copy one state of the index to `target`, check the copy, and only then give it its name.

    Searches and syncs go on meanwhile. A backup of before at `target` is replaced. Raises InvalidArguments for another
    file there, UnreadableSource and StoreError.
    """
    _check_not_own(store, target)
    with whole_file.written(target, "backup of an index", _is_database) as fresh:
        with (
            store_errors.explained(fresh),
            contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as copy,
            store.read() as connection,
        ):
            connection.backup(copy)
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        try:
            counts = checked(fresh)
        except InvalidData as error:
            raise StoreError(f"{error.message}: the index itself is; run `openclaw-instructor index repair`") from None
    return {"file": str(target), "bytes": target.stat().st_size, **counts}


def checked(path: Path) -> dict[str, int]:
    """Verify a copy of an index of any version and count what is in it. Raises InvalidData and StoreError."""
    with _explained(path), contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        fulltext.register(connection)
        checksums.register(connection)
        number = migrations.version(connection)
        if number > len(migrations.MIGRATIONS):
            raise store_errors.newer(path)
        if not number:
            raise InvalidData(f"{path} is no index: it holds other tables, or none")
        problems = verification.file_problems(connection)
        if not problems and number == len(migrations.MIGRATIONS):
            problems = list(verification.row_problems(connection))
        if problems:
            raise InvalidData(f"{path} is damaged ({problems[0].message})")
        return verification.counts(connection)


def staged(source: Path, path: Path) -> Path:
    """Copy a backup beside the index at `path`, unchecked. Raises UnreadableSource, InvalidData and StoreError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        if not source.is_file():
            raise UnreadableSource(f"there is no file {source}")
        if not _is_database(source):
            raise InvalidData(f"{source} is no backup of an index")
        os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        with (
            _explained(source),
            contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
            contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as copy,
        ):
            old.backup(copy)
        return fresh
    except BaseException as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UnreadableSource(f"{source} cannot be copied to {path.parent} ({error.strerror})") from None
        raise


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise InvalidData for what SQLite says of a damaged copy: repairing the index would not mend that."""
    try:
        with store_errors.explained(path):
            yield
    except store_errors.Damaged as error:
        raise InvalidData(f"{path} is damaged ({error.what}); use another backup") from None


def _check_not_own(store: Store, target: Path) -> None:
    own = {replacement.beside(store.path, suffix) for suffix in ("", replacement.LOG, replacement.SHARED_MEMORY)}
    if target in own or target.resolve() in {path.resolve() for path in own}:
        raise InvalidArguments(f"{target} is the index itself; name another file")


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC
