"""What the owner taught: texts with the label that is right, and senders whose mail always has one label.

One SQLite file in the home. Nothing is ever deleted: a correction that was undone, or replaced by another of the same
text, stays as history. The file holds the texts, so only its owner can read it.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from openclaw_instructor.errors import Busy, InvalidArguments, StoreError
from openclaw_instructor.text import clean

What: TypeAlias = Literal["text", "sender"]

_VERSION = 2
_SCHEMA = """
CREATE TABLE corrections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  revision INTEGER NOT NULL,
  task TEXT NOT NULL,
  what TEXT NOT NULL,
  label TEXT NOT NULL,
  text TEXT NOT NULL,
  digest TEXT NOT NULL,
  sender TEXT NOT NULL,
  answered TEXT,
  score REAL,
  source TEXT NOT NULL,
  conflict TEXT NOT NULL,
  made TEXT NOT NULL,
  ended TEXT,
  ended_by TEXT
);
CREATE UNIQUE INDEX in_force ON corrections (task, what, digest) WHERE ended IS NULL;
CREATE INDEX by_revision ON corrections (revision);
"""
# Each write has a random id, because a copy that was restored may have as many revisions with other corrections.
_WRITES = """
CREATE TABLE writes (revision INTEGER PRIMARY KEY, id BLOB NOT NULL);
INSERT INTO writes SELECT revision, randomblob(16) FROM corrections ORDER BY revision DESC LIMIT 1;
"""
_STEPS = (_SCHEMA, _WRITES)
_COLUMNS = (
    "id, task, what, label, text, sender, answered, score, source, conflict, made, ended, ended_by"  # as Correction
)
_BUSY_SECONDS = 10.0
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Correction:
    """One correction.

    `what` is "text" for an example of a label, or "sender" for a rule, whose `text` is an address or `@domain`.
    `answered` and `score` are what the classifier had said (None for no label), `source` the surface it was taught
    through, `conflict` what speaks against it, `made` and `ended` times in UTC, and `ended_by` "undone" or the id of
    the correction that replaced it.
    """

    id: int
    task: str
    what: What
    label: str
    text: str
    sender: str
    answered: str | None
    score: float | None
    source: str
    conflict: str
    made: str
    ended: str | None = None
    ended_by: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Added:
    """The correction that is in force now, whether it was `known` before, and the one that it `replaced`."""

    correction: Correction
    known: bool = False
    replaced: Correction | None = None


def text_digest(text: str) -> str:
    """Hash a text so that copies that differ in white space or case are one."""
    return hashlib.blake2b(" ".join(text.casefold().split()).encode("utf-8", "replace"), digest_size=16).hexdigest()


class Corrections:
    """The corrections of one home. Thread-safe, and safe beside other processes; what they write is seen at once.

    Raises StoreError when the file is unusable, Busy when another process keeps it locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known: dict[int, Correction] = {}
        self._in_force: dict[tuple[str, What], list[Correction]] = {}
        self._revision = 0
        self._write: bytes | None = None

    def in_force(self, task: str, what: What = "text") -> list[Correction]:
        """Return the corrections of a task that count, the oldest first."""
        with self._lock:
            self._refresh()
            if (task, what) not in self._in_force:
                found = [c for c in self._known.values() if c.ended is None and c.task == task and c.what == what]
                self._in_force[task, what] = sorted(found, key=lambda correction: correction.id)
            return list(self._in_force[task, what])

    def all(self, task: str | None = None) -> list[Correction]:
        """Return every correction ever made, those that were undone or replaced included."""
        with self._lock:
            self._refresh()
            found = [c for c in self._known.values() if task in (None, c.task)]
        return sorted(found, key=lambda correction: correction.id)

    def revision(self) -> int:
        """Return a number that grows with every change; 0 while nothing was taught."""
        with self._lock:
            self._refresh()
            return self._revision

    def add(
        self,
        task: str,
        label: str,
        text: str,
        *,
        what: What = "text",
        sender: str = "",
        answered: str | None = None,
        score: float | None = None,
        source: str = "library",
        conflict: str = "",
    ) -> Added:
        """Add a correction; the same text with the same label is known already, with another it is replaced."""
        text = clean(text)
        digest, now = text_digest(text), _now()
        with self._lock, self._writing() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM corrections WHERE task = ? AND what = ? AND digest = ? AND ended IS NULL",  # noqa: S608
                (task, what, digest),
            ).fetchone()
            before = Correction(*row) if row else None
            if before is not None and before.label == label:
                return Added(before, known=True)
            revision = _next_revision(connection)
            if before is not None:
                _end(connection, before.id, revision, now, "replaced")
            cursor = connection.execute(
                "INSERT INTO corrections (revision, task, what, label, text, digest, sender, answered, score, source, "
                "conflict, made) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (revision, task, what, label, text, digest, sender, answered, score, source, conflict, now),
            )
            if before is not None:
                _end(connection, before.id, revision, now, str(cursor.lastrowid))
            added = cursor.lastrowid or 0
        correction = Correction(added, task, what, label, text, sender, answered, score, source, conflict, now)
        return Added(correction, replaced=before)

    def undo(self, number: int) -> Correction:
        """End a correction; one that it had replaced counts again. Raises InvalidArguments for an unknown id."""
        if not 0 < number <= _LARGEST_ID:
            raise InvalidArguments("there is no such correction; `tasks corrections list` shows their numbers")
        with self._lock, self._writing() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM corrections WHERE id = ?", (number,)).fetchone()  # noqa: S608
            if row is None:
                raise InvalidArguments(f"there is no correction {number}; `tasks corrections list` shows their numbers")
            correction = Correction(*row)
            if correction.ended is not None:
                how = "taken back" if correction.ended_by == "undone" else f"replaced by {correction.ended_by}"
                raise InvalidArguments(f"correction {number} was {how} already, on {correction.ended[:10]}")
            revision = _next_revision(connection)
            _end(connection, number, revision, _now(), "undone")
            connection.execute(
                "UPDATE corrections SET ended = NULL, ended_by = NULL, revision = ? WHERE ended_by = ?",
                (revision, str(number)),
            )
        return correction

    def _refresh(self) -> None:
        """Read the corrections written since the last call; the caller holds the lock."""
        if not self.path.exists():
            self._forget()
            return
        with self._plainly(), closing(self._open()) as connection:
            connection.execute("BEGIN")
            latest, write = _last_write(connection)
            if self._revision and _write_of(connection, self._revision) != self._write:
                # The file was replaced, such as by an older copy.
                self._forget()
            if latest > self._revision:
                rows = connection.execute(
                    f"SELECT {_COLUMNS} FROM corrections WHERE revision > ?",  # noqa: S608
                    (self._revision,),
                )
                self._known |= {row[0]: Correction(*row) for row in rows}
                self._in_force.clear()
            self._revision, self._write = latest, write

    def _forget(self) -> None:
        self._known, self._revision, self._write = {}, 0, None
        self._in_force.clear()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._plainly(), closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be opened for writing ({error.strerror}); make it and its folder writable"
            ) from None
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise StoreError(f"{self.path} was written by a newer openclaw-instructor; upgrade this one")
            if version < _VERSION:
                _create(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "") or ""
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise Busy(f"another process is writing to {self.path}; try again in a moment", 2.0) from error
            raise StoreError(
                f"what was taught could not be read or written ({self.path}: {error}); restore that file from a "
                "backup, or move it away to begin anew"
            ) from error


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have created it meanwhile.
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for step in _STEPS[version:]:
        for statement in step.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _last_write(connection: sqlite3.Connection) -> tuple[int, bytes | None]:
    row = connection.execute("SELECT revision, id FROM writes ORDER BY revision DESC LIMIT 1").fetchone()
    return row if row is not None else (0, None)


def _write_of(connection: sqlite3.Connection, revision: int) -> bytes | None:
    row = connection.execute("SELECT id FROM writes WHERE revision = ?", (revision,)).fetchone()
    return row[0] if row is not None else None


def _next_revision(connection: sqlite3.Connection) -> int:
    revision = _last_write(connection)[0] + 1
    connection.execute("INSERT INTO writes VALUES (?, randomblob(16))", (revision,))
    return revision


def _end(connection: sqlite3.Connection, number: int, revision: int, now: str, by: str) -> None:
    connection.execute(
        "UPDATE corrections SET ended = ?, ended_by = ?, revision = ? WHERE id = ?", (now, by, revision, number)
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
