"""People, subject and date of the messages of a mailbox in one file, which is one document.

The reader writes `From:`, `To:` and `Date:` under the subject of each message; its first passage begins with them.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_instructor.documents.document import Location

_HEADER = re.compile(r"(From|To|Date): (.*)")
_HEADER_LINES = 5

Fields = Mapping[str, str]


def passing(
    connection: sqlite3.Connection, document_ids: Iterable[int], fits: Callable[[Fields], bool]
) -> dict[int, list[int]]:
    """Map mailboxes to the passages of their messages that fit, without those that have none.

    `fits` gets the `subject`, `from`, `to` and `date` (a day) of a message, as far as it has them.
    """
    rows = connection.execute(
        "SELECT id, document_id, heading, text, locations FROM chunks "
        "WHERE document_id IN (SELECT value FROM json_each(?)) ORDER BY document_id, first_line, line_offset",
        (json.dumps(list(document_ids)),),
    )
    verdicts: dict[tuple[int, int], bool] = {}
    found: dict[int, list[int]] = {}
    for row in rows:
        message = (row["document_id"], _number(row["locations"]))
        if message not in verdicts:
            verdicts[message] = fits(_fields(row["heading"], row["text"]))
        if verdicts[message]:
            found.setdefault(row["document_id"], []).append(row["id"])
    return found


def stated_at(
    connection: sqlite3.Connection, document_id: int, place: Location, stated: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[str]]:
    """Return what a document says about itself at a place; what is stored, `stated`, is that of its first message."""
    if place.unit != "message" or place.last <= 1:
        return stated
    row = connection.execute(
        "SELECT heading, text FROM chunks WHERE document_id = ? AND json_extract(locations, '$[0][2].first') = ? "
        "ORDER BY first_line, line_offset LIMIT 1",
        (document_id, place.first),
    ).fetchone()
    if row is None or place.first != place.last:
        return {}
    return {name: [value] for name, value in _fields(row["heading"], row["text"]).items() if value}


def _number(locations: str) -> int:
    placed = json.loads(locations)
    return int(placed[0][2]["first"]) if placed else 0


def _fields(subject: str, text: str) -> dict[str, str]:
    fields = {"subject": subject}
    for line in text.split("\n")[:_HEADER_LINES]:
        if found := _HEADER.fullmatch(line.strip()):
            fields.setdefault(found[1].lower(), found[2])
    return fields
