"""Read e-mail, one message or a mailbox of many, as classification does."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Document, Location, UnreadableDocument
from openclaw_instructor.documents.formats import Format

if TYPE_CHECKING:
    from openclaw_instructor.documents.email import Email

_MAX_BYTES = 100_000_000
_MAILDIR_NAME = re.compile(r"\d{9,11}[.,_]")
_NO_SUBJECT = "(no subject)"


def read(data: bytes, path: PurePath) -> Document:
    """Read a file of one message or, as in an mbox, of many; each is a section under its subject.

    The metadata (`subject`, `from`, `to`, `date`) are those of the first message with any; `message` locations count
    the messages of the file.
    """
    from openclaw_instructor.documents.email.mailboxes import file_messages
    from openclaw_instructor.documents.email.reader import read as read_message

    builder = DocumentBuilder()
    notes: dict[str, None] = {}
    first: dict[str, str] = {}
    number = 0
    for number, message_data in enumerate(file_messages(data), 1):
        try:
            message = read_message(message_data)
        except UnreadableDocument:
            if number == 1:
                raise
            notes["a message of the mailbox could not be read"] = None
            continue
        _add(builder, message, Location("message", number, number))
        notes |= dict.fromkeys(message.unread)
        first = first or {
            "subject": message.subject,
            "from": message.sender,
            "to": message.to,
            "date": message.iso_date,
        }
        if builder.is_full:
            break
    return builder.document(first.get("subject", "") if number == 1 else "", first, notes)


def is_in_maildir(path: PurePath) -> bool:
    """Whether a path is that of a message in a Maildir: in `cur` or `new`, under a name that begins with its time."""
    return path.parent.name in ("cur", "new") and _MAILDIR_NAME.match(path.name) is not None


def _add(builder: DocumentBuilder, message: Email, place: Location) -> None:
    builder.heading(message.subject or _NO_SUBJECT, 1, place)
    people = {"From": message.sender, "To": message.to[:500], "Date": message.iso_date[:10]}
    lines = [f"{name}: {value}" for name, value in people.items() if value]
    if message.attachments:
        lines.append(f"Attachments: {', '.join(message.attachments[:20])}")
    builder.paragraph("\n".join(lines), place)
    builder.paragraph(message.body, place)


FORMATS = (
    Format("e-mail", (".eml", ".emlx", ".msg"), read, max_bytes=50_000_000, isolated=True, claims=is_in_maildir),
    Format("mailbox", (".mbox",), read, max_bytes=_MAX_BYTES, isolated=True),
)
