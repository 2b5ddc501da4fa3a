"""Convert an Email to JSON and back; what comes back may be written by a stranger, so it is checked piece by piece."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from openclaw_instructor.documents.email.links import Link
from openclaw_instructor.documents.email.message import Email
from openclaw_instructor.documents.email.notes import Notes


def encode(message: Email, /) -> bytes:
    """Encode a message as JSON."""
    import orjson

    return orjson.dumps(asdict(message))


def decode(values: Any, /) -> Email:
    """Decode a message. Raises ValueError, TypeError, LookupError or AttributeError if it is not one."""
    empty = Email()
    found: dict[str, Any] = {}
    for field in fields(Email):
        value, usual = values[field.name], getattr(empty, field.name)
        if field.name == "links":
            value = [Link(_text(link["text"]), _text(link["target"])) for link in value]
        elif isinstance(usual, list):
            value = type(usual)(map(_text, _list(value)))
        elif isinstance(usual, dict):
            value = {_text(name): _text(text) for name, text in value.items()}
        elif type(value) is not type(usual):
            raise TypeError(f"{field.name} is of another type")
        found[field.name] = value
    assert isinstance(found["notes"], Notes)
    return Email(**found)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
