"""The text of an indexed document, put together again from its passages, and parts of it by place.

It is what the index holds, not what lies on the disk now. Every line with a word is in some passage.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import get_args

from openclaw_instructor.documents.document import Location, Unit
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import chunk_store

_MOST_BLANK_LINES = 20
_UNITS: tuple[Unit, ...] = get_args(Unit)
_SINGULAR = {unit: unit.removesuffix("s") for unit in _UNITS}
_PLACE = re.compile(
    rf"(?:(?P<name>.+?),\s*)?(?:(?P<unit>{'|'.join(_SINGULAR.values())})s?\s+)?"
    "(?P<first>[\\d:]+)(?:\\s*[-\u2013]\\s*(?P<last>[\\d:]+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Line:
    """A line of a document, its location in the file, and its context."""

    number: int
    text: str
    place: Location
    context: str


@dataclass(frozen=True)
class Part:
    """Lines of a document that were asked for, or one of several parts where they are long.

    `place` is where `text` stands, and `whole` the document, or the sheet or file within it that was asked for.
    `number` counts the parts from 1, and `following` names the next one, "" behind the last.
    """

    text: str
    place: Location
    whole: Location
    number: int
    count: int
    following: str
    context: str


def lines_of(connection: sqlite3.Connection, document_id: int) -> list[Line]:
    """Return the lines of a document, in order."""
    lines: dict[int, Line] = {}
    pieces: dict[int, str] = {}
    for passage in chunk_store.passages_of(connection, document_id):
        texts = passage.text.split("\n")
        if passage.line_offset is not None:
            known = pieces.get(passage.last_line, "")
            texts[-1] = pieces[passage.last_line] = known[: passage.line_offset] + texts[-1]
        for number, text in enumerate(texts, passage.first_line):
            # In formats with pages, a blank line between two blocks has no location.
            if text.strip() or not passage.locations:
                lines[number] = Line(number, text, passage.location(number, number), passage.context)
    return [lines[number] for number in sorted(lines)]


def part(lines: Sequence[Line], location: str, around: int, limit: int) -> Part:
    """Choose the lines at `location` and `around` units before and behind it, or a part of them of `limit` characters.

    "" is the whole document, and `, part 2` behind a location its second part. Raises InvalidArguments for a place that
    the document does not have.
    """
    asked, _, behind = location.strip().partition(", part ")
    number = int(behind) if behind.isdecimal() and len(behind) < 9 else 1
    wanted = _wanted(lines, asked, around)
    within = [line for line in lines if (line.place.unit, line.place.name) == (wanted.unit, wanted.name)]
    near = [line for line in within if line.place.first <= wanted.last and line.place.last >= wanted.first]
    # All rows of a sheet have its name.
    chosen = [line for line in near if not _exceeds(line.place, wanted)] or near
    whole = Location.around(line.place for line in within)
    if not chosen:
        raise InvalidArguments(f"location: {location[:80]!r} holds no text; the document has {whole}")
    parts = list(_parts(chosen, limit))
    if not 1 <= number <= len(parts):
        raise InvalidArguments(f"location: {location[:80]!r} is not there; {asked or whole} has {len(parts)} parts")
    kept = parts[number - 1]
    following = f"{Location.around(line.place for line in chosen)}, part {number + 1}" if number < len(parts) else ""
    context = "\n".join(dict.fromkeys(line.context for line in kept if line.context)) or _header(within, kept)
    place = Location.around(line.place for line in kept)
    return Part(_joined(kept), place, whole, number, len(parts), following, context)


def _exceeds(place: Location, wanted: Location) -> bool:
    return place.first < wanted.first and place.last > wanted.last


def _header(within: Sequence[Line], kept: Sequence[Line]) -> str:
    """Return the first row above these; a passage that begins with the names of the columns does not repeat them."""
    first = next((line for line in within if line.place.unit == "row" and line.place.first == line.place.last), None)
    return first.text if first and first.number < kept[0].number else ""


def _parts(lines: Iterable[Line], limit: int) -> Iterator[list[Line]]:
    """Yield the lines in parts of at most `limit` characters; a longer line is cut."""
    kept: list[Line] = []
    size = 0
    for line in lines:
        for start in range(0, max(1, len(line.text)), limit):
            piece = line if len(line.text) <= limit else replace(line, text=line.text[start : start + limit])
            if kept and size + len(piece.text) > limit:
                yield kept
                kept, size = [], 0
            kept.append(piece)
            size += len(piece.text) + 1
    yield kept


def _joined(lines: Iterable[Line]) -> str:
    """Join the lines, with blank ones where the document has some."""
    texts: list[str] = []
    before = None
    for line in lines:
        gap = line.number - before - 1 if before is not None else 0
        texts += [""] * min(gap, _MOST_BLANK_LINES)
        texts.append(line.text)
        before = line.number
    return "\n".join(texts)


def _wanted(lines: Sequence[Line], location: str, around: int) -> Location:
    """Read a place as results write it, "lines 3-9", "page 3" or "Budget, rows 2-5"; of a text `3-9` are lines."""
    containers = [place for place, _ in groupby(Location(line.place.unit, 0, 0, line.place.name) for line in lines)]
    first = containers[0]
    whole = {place: Location.around(line.place for line in _in(lines, place)) for place in containers}
    if not location:
        return whole[first]
    by_name = next((place for place in containers if place.name and place.name.casefold() == location.casefold()), None)
    if by_name:
        return whole[by_name]
    found = _PLACE.fullmatch(location)
    if found is None:
        raise InvalidArguments(f"location: {location[:80]!r} is no place; the document has {_listed(whole.values())}")
    name, unit = (found["name"] or "").casefold(), (found["unit"] or "").lower()
    fits = (
        place
        for place in containers
        if (not name or place.name.casefold() == name) and (not unit or _SINGULAR[place.unit] == unit)
    )
    container = next(fits, None)
    if container is None:
        raise InvalidArguments(f"location: {location[:80]!r} is not there; the document has {_listed(whole.values())}")
    start = _number(found["first"])
    end = max(start, _number(found["last"] or found["first"]))
    return Location(container.unit, max(1 - (container.unit == "time"), start - around), end + around, container.name)


def _in(lines: Iterable[Line], container: Location) -> Iterator[Line]:
    return (line for line in lines if (line.place.unit, line.place.name) == (container.unit, container.name))


def _number(text: str) -> int:
    """Read a number, or a time such as `1:02:05` as its seconds."""
    seconds = 0
    for field in text.split(":"):
        seconds = seconds * 60 + int(field[:9] or 0)
    return seconds


def _listed(places: Iterable[Location]) -> str:
    shown = list(map(str, places))
    return "; ".join(shown[:10]) + (f" and {len(shown) - 10} more" if len(shown) > 10 else "")
