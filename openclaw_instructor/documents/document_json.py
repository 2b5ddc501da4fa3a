"""Convert a document to JSON and back, and check every value on the way back, because the JSON is not trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openclaw_instructor.documents.document import UNITS, Block, Document, Location, Metadata

# How many values a block and a location have in the lists below. They are flat: a list or an object for each row of a
# table would take several times the memory of the table.
_BLOCK, _LOCATION = 7, 4


def encode(document: Document, /) -> bytes:
    """Encode a document as JSON; repeated locations and contexts are written once and referenced by index."""
    import orjson

    contexts: dict[str, int] = {}
    blocks: list[int | str] = []
    locations: list[int | str] = []
    last: Location | None = None
    for block in document.blocks:
        place = block.location
        if place is not None and place is not last:
            locations += (place.unit, place.first, place.last, place.name)
            last = place
        blocks += (
            block.first,
            block.last,
            block.level,
            block.heading,
            len(locations) // _LOCATION if place is not None else 0,
            contexts.setdefault(block.context, len(contexts)),
            block.heading_words,
        )
    return orjson.dumps(
        {
            "lines": document.lines,
            "blocks": blocks,
            "locations": locations,
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
    locations = [None, *(_location(*values) for values in _rows(message["locations"], _LOCATION))]
    contexts = _texts(message["contexts"])
    blocks: list[Block] = []
    for first, last, level, heading, location, context, words in _rows(message["blocks"], _BLOCK):
        earlier = blocks[-1].last if blocks else 0
        if not earlier < _number(first) <= _number(last) <= len(lines) or _number(level) > 100:
            raise ValueError("blocks out of order")
        placed = locations[_number(location)]
        around = contexts[_number(context)]
        blocks.append(Block(first, last, level, _text(heading), placed, around, _text(words)))
    return Document(lines, blocks, _text(message["title"]), _metadata(message["metadata"]), _texts(message["notes"]))


def _rows(values: Any, width: int) -> Iterator[tuple[Any, ...]]:
    """Part a flat list into rows."""
    if not isinstance(values, list) or len(values) % width:
        raise TypeError("not a list of rows")
    return zip(*[iter(values)] * width, strict=True)


def _metadata(values: dict[Any, Any]) -> Metadata:
    return {_text(name): value if isinstance(value, str) else _texts(value) for name, value in values.items()}


def _location(unit: Any, first: Any, last: Any, name: Any) -> Location:
    if unit not in UNITS:
        raise ValueError("an unknown unit")
    return Location(unit, _number(first), _number(last), _text(name))


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
