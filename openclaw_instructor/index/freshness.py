"""Say of each hit whether its file is still as it was when it was indexed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.index import files

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.index.results import Hit

# A larger file with another time counts as changed without being read.
MAX_READ_BYTES = 1_000_000
_NAMED = 3


def marked(connection: sqlite3.Connection, generations: Iterable[int], hits: Sequence[Hit]) -> list[Hit]:
    """Mark the hits whose file has changed or disappeared since it was indexed."""
    rows = connection.execute(
        "SELECT path, size, mtime_ns, ctime_ns, hash FROM documents "
        "WHERE path IN (SELECT value FROM json_each(?)) AND generation_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list({hit.file for hit in hits})), json.dumps(list(generations))),
    )
    states: dict[str, str] = {}
    for row in rows:
        # If two collections contain the file, one may be older.
        states[row["path"]] = max(states.get(row["path"], ""), _state(row))
    return [replace(hit, file_state=states.get(hit.file, "")) for hit in hits]


def notes(hits: Iterable[Hit]) -> list[str]:
    """Explain the marks in notes."""
    found = []
    for state, verb in (("changed", "changed since"), ("vanished", "gone since")):
        names = list(dict.fromkeys(Path(hit.file).name for hit in hits if hit.file_state == state))
        collections = dict.fromkeys(hit.collection for hit in hits if hit.file_state == state)
        if names:
            shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
            commands = " and ".join(f"`openclaw-instructor index sync {name}`" for name in collections)
            found.append(f"{verb} the last sync, so what is shown may be out of date: {shown}; run {commands}")
    return found


def _state(row: sqlite3.Row) -> str:
    path = Path(row["path"])
    try:
        now = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return "vanished"
    except OSError:
        # Unknown; a sync reports a file that cannot be read.
        return ""
    times = (now.st_size, min(now.st_mtime_ns, 2**63 - 1), min(now.st_ctime_ns, 2**63 - 1))
    if times == (row["size"], row["mtime_ns"], row["ctime_ns"]):
        return ""
    return "" if now.st_size == row["size"] <= MAX_READ_BYTES and _same(path, row["hash"]) else "changed"


def _same(path: Path, digest: str) -> bool:
    """Whether the content is the same although times or permissions have changed."""
    try:
        return files.digest(files.read_bytes(str(path))) == digest
    except files.Skipped:
        return False
