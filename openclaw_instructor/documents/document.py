"""Define a document: text, blocks over its lines, metadata, and the location of each block in its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

# Every chunk below a heading and every hit repeats it; a longer text is a paragraph, not a heading.
MAX_HEADING_CHARACTERS = 200

Unit: TypeAlias = Literal["lines", "page", "slide", "row", "cell", "chapter", "message", "time"]
UNITS: tuple[Unit, ...] = get_args(Unit)

Metadata: TypeAlias = Mapping[str, str | Sequence[str]]


class UnreadableDocument(Exception):
    """The file holds nothing that can be indexed; the reason is one short phrase, such as "encrypted".

    `reason` is written by the reader and never quotes the file.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Location:
    """Where a passage stands in its file: units `first` to `last`, counted from 1, both included.

    `unit` is what the format counts: lines of a text, pages of a PDF, slides, rows of a sheet, cells of a notebook,
    chapters of a book, messages of a mailbox, seconds of a subtitle. `name` tells containers apart that count on their
    own, such as the sheets of a workbook.
    """

    unit: Unit
    first: int
    last: int
    name: str = ""

    @property
    def span(self) -> str:
        """The numbers as people write them: "3" or "3-5", and times as "0:03-1:02:05"."""
        first, last = map(_clock, (self.first, self.last)) if self.unit == "time" else (self.first, self.last)
        return str(first) if self.first == self.last else f"{first}-{last}"

    def __str__(self) -> str:
        """Describe the location in words, such as "lines 3-5", "page 3" or "Budget, rows 3-5"."""
        unit = self.unit if self.first == self.last or self.unit in ("lines", "time") else f"{self.unit}s"
        place = f"{unit} {self.span}"
        return f"{self.name}, {place}" if self.name else place

    def as_dict(self) -> dict[str, Any]:
        """Convert to a JSON object; `name` is present only if there is one."""
        return {"unit": self.unit, "first": self.first, "last": self.last} | ({"name": self.name} if self.name else {})

    @classmethod
    def around(cls, locations: Iterable[Location]) -> Location:
        """Return the smallest location that covers all of these, in the unit of the first.

        Locations in a container other than the first one's are ignored. Raises StopIteration if there are none.
        """
        rest = iter(locations)
        result = next(rest)
        for location in rest:
            if (location.unit, location.name) == (result.unit, result.name):
                first, last = min(result.first, location.first), max(result.last, location.last)
                result = cls(result.unit, first, last, result.name)
        return result


def _clock(seconds: int) -> str:
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@dataclass(frozen=True, slots=True)
class Block:
    """Lines `first` to `last` of the document's text (1-based, inclusive) that belong together.

    A heading when `level` is not 0. `location` is the block's place in the original file; None means that the text's
    lines are the file's own. `context` is embedded in front of every chunk cut from the block without being part of its
    text, such as the column names of a table. `heading_words` is embedded in place of a heading that is made of names:
    their words, told apart.
    """

    first: int
    last: int
    level: int = 0
    heading: str = ""
    location: Location | None = None
    context: str = ""
    heading_words: str = ""


@dataclass(frozen=True)
class Document:
    """A file as text: `lines`, and `blocks` over them in order (blank lines belong to none).

    `title` is the one that the file states itself. `metadata` holds what the format knows besides the text, under
    lower-case names: `author`, `date` (ISO 8601), `tags`, `language`, and `from`, `to`, `subject` of mail. `notes` are
    sentences for people about what could not be read.
    """

    lines: list[str]
    blocks: list[Block]
    title: str = ""
    metadata: Metadata = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The whole text."""
        return "\n".join(self.lines)

    def location(self, first: int, last: int) -> Location:
        """Locate lines `first` to `last` of the text in the file."""
        placed = [block.location for block in self.blocks if block.first <= last and block.last >= first]
        known = [location for location in placed if location is not None]
        return Location.around(known) if known else Location("lines", first, last)
