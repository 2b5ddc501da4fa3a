"""Read chats exported to JSON by Telegram, Slack and Discord (DiscordChatExporter): who said what, by days."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Document, Location
from openclaw_instructor.documents.encoding import decode
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers import source_code


@dataclass(frozen=True)
class _Message:
    name: str
    time: datetime.datetime | None
    text: str


def read(data: bytes, path: PurePath) -> Document:
    """Read a chat; messages are counted as the export lists them. Any other file of such a name is read as data.

    Raises UnreadableDocument.
    """
    text, notes = decode(data)
    try:
        export = json.loads(text)
    except (ValueError, RecursionError):
        export = None
    if (chat := _recognised(export)) is None:
        return source_code.read(data, path)
    title, messages = chat
    builder = DocumentBuilder()
    day = ""
    last = None
    for number, message in enumerate(messages, start=1):
        location = Location("message", number, number)
        if not message.text.strip():
            continue
        if message.time and f"{message.time:%Y-%m-%d}" != day:
            day = f"{message.time:%Y-%m-%d}"
            builder.heading(day, 1, location)
        last = message.time or last
        clock = f" ({message.time:%H:%M})" if message.time else ""
        builder.paragraph(f"{message.name or 'unknown'}{clock}: {message.text}", location, is_continued=True)
        if builder.is_full:
            break
    return builder.document(title, {"date": last.isoformat() if last else ""}, notes)


def _recognised(export: Any) -> tuple[str, Iterator[_Message]] | None:
    """Recognise a chat by the structure of its export, and return its name and messages, or None."""
    if isinstance(export, dict):
        listed = export.get("messages")
        messages = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        channel = export.get("channel")
        if messages and isinstance(channel, dict) and isinstance(messages[0].get("author"), dict):
            return _text(channel.get("name")), map(_discord, messages)
        if messages and "type" in export and "text" in messages[0] and "date" in messages[0]:
            return _text(export.get("name")), map(_telegram, messages)
    elif isinstance(export, list) and export and all(isinstance(one, dict) and "ts" in one for one in export):
        return "", map(_slack, export)
    return None


def _telegram(message: dict[str, Any]) -> _Message:
    text = message.get("text")
    if isinstance(text, list):
        # A text with links or formatting is a list of parts.
        text = "".join(_text(part.get("text")) if isinstance(part, dict) else _text(part) for part in text)
    return _Message(_text(message.get("from") or message.get("actor")), _time(message.get("date")), _text(text))


def _discord(message: dict[str, Any]) -> _Message:
    author = message.get("author")
    names = [_text(author.get(key)) for key in ("nickname", "name")] if isinstance(author, dict) else []
    return _Message(next(filter(None, names), ""), _time(message.get("timestamp")), _text(message.get("content")))


def _slack(message: dict[str, Any]) -> _Message:
    profile = message.get("user_profile")
    names = (
        [_text(profile.get(key)) for key in ("real_name", "display_name", "name")] if isinstance(profile, dict) else []
    )
    names += [_text(message.get(key)) for key in ("username", "user")]
    try:
        time = datetime.datetime.fromtimestamp(float(message["ts"]), datetime.UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        time = None
    return _Message(next(filter(None, names), ""), time, _text(message.get("text")))


def _time(value: Any) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


FORMATS = (
    Format(
        "chat",
        (),
        read,
        max_bytes=50_000_000,
        isolated=True,
        # Telegram's name, Slack's days, and the name and number of Discord's channels.
        patterns=("RESULT.JSON", "[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9].JSON", "*[[][0-9]*[0-9][]].JSON"),
    ),
)
