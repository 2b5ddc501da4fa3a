"""Convert a document to JSON and back, and check every value on the way back, because the JSON is not trusted."""

from __future__ import annotations

from typing import Any

from openclaw_instructor.documents.document import UNITS, Block, Document, Location, Metadata


def encode(document: Document, /) -> bytes:
    """Encode a document as JSON; repeated locations and contexts are written once and referenced by index."""
    import orjson

    locations: dict[Location | None, int] = {None: 0}
    contexts: dict[str, int] = {}
    blocks = [
        [
            block.first,
            block.last,
            block.level,
            block.heading,
            locations.setdefault(block.location, len(locations)),
            contexts.setdefault(block.context, len(contexts)),
            block.heading_words,
        ]
        for block in document.blocks
    ]
    return orjson.dumps(
        {
            "lines": document.lines,
            "blocks": blocks,
            "locations": [location.as_dict() for location in locations if location],
            "contexts": list(contexts),
            "title": document.title,
            "metadata": {
                name: value if isinstance(value, str) else list(value) for name, value in document.metadata.items()
            },
            "notes": list(document.notes),
        }
    )


def decode(message: Any, /) -> Document:
    """Decode a document from a parsed message.

    Raises ValueError, TypeError, LookupError or AttributeError if it is not one.
    """
    lines = _texts(message["lines"])
    locations = [None, *map(_location, message["locations"])]
    contexts = _texts(message["contexts"])
    blocks: list[Block] = []
    for first, last, level, heading, location, context, words in message["blocks"]:
        earlier = blocks[-1].last if blocks else 0
        if not earlier < _number(first) <= _number(last) <= len(lines) or _number(level) > 100:
            raise ValueError("blocks out of order")
        placed = locations[_number(location)]
        around = contexts[_number(context)]
        blocks.append(Block(first, last, level, _text(heading), placed, around, _text(words)))
    return Document(lines, blocks, _text(message["title"]), _metadata(message["metadata"]), _texts(message["notes"]))


def _metadata(values: dict[Any, Any]) -> Metadata:
    return {_text(name): value if isinstance(value, str) else _texts(value) for name, value in values.items()}


def _location(value: dict[Any, Any]) -> Location:
    if value["unit"] not in UNITS:
        raise ValueError("an unknown unit")
    first, last = _number(value["first"]), _number(value["last"])
    return Location(value["unit"], first, last, _text(value.get("name", "")))


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list):
        raise TypeError("not a list")
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a count")
    return value
