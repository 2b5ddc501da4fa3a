"""Explain what SQLite says of the index: what is wrong with which file, and the command that mends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openclaw_instructor.errors import Busy, InstructorError, StoreError
from openclaw_instructor.untrusted import sentence

REPAIR = "`openclaw-instructor index repair`"
_SAVES = f"run {REPAIR}: it saves what can be read, keeps the damaged file beside it and reads the rest from your files"


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise StoreError or Busy for what SQLite raises inside."""
    try:
        yield
    except sqlite3.Error as error:
        raise of(path, error) from error
    except UnicodeDecodeError as error:
        # What SQLite says of a damaged schema quotes it, and Python decodes that.
        raise Damaged(path, "its schema is garbled") from error


def of(path: Path, error: sqlite3.Error) -> InstructorError:
    """Make the error that explains an error of SQLite."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy(f"another process is writing to the index {path}; try again in a moment", 2.0)
    if name.startswith("SQLITE_FULL"):
        return StoreError(f"no room left to write the index {path}; free disk space and run the command again")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StoreError(
            f"the index {path} cannot be written ({error}); make it and its folder writable, "
            "or set $OPENCLAW_INSTRUCTOR_HOME to a folder that is"
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or str(error).startswith(("no such table", "no such col")):
        return Damaged(path, sentence(str(error), 200))
    if name.startswith("SQLITE_IOERR"):
        return StoreError(
            f"the disk did not read or write the index {path} ({error}); check the disk and its free space, then run "
            "`openclaw-instructor index verify`"
        )
    return StoreError(f"the index {path} failed ({error}); run `openclaw-instructor doctor`")


class Damaged(StoreError):
    """The file is no intact index; `what` says why."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"the index {path} is damaged ({what}); {_SAVES}")
        self.what = what


def newer(path: Path) -> StoreError:
    """Make the error for a file that a later version wrote."""
    return StoreError(
        f"the index {path} was written by a newer openclaw-instructor; upgrade this one, "
        "or set $OPENCLAW_INSTRUCTOR_HOME to another folder"
    )


def unlockable(path: Path) -> StoreError:
    """Make the error for a file system on which SQLite cannot share a file between processes."""
    return StoreError(
        f"the index {path} lies on a file system whose locks cannot be used (a network or shared folder?); "
        "set $OPENCLAW_INSTRUCTOR_HOME to a folder on a disk of this machine"
    )
