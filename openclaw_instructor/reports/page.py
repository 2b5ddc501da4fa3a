"""What a report holds, in reading order: facts, charts with their numbers, tables. How it looks is the renderers' part.

Every text may come from a file or a mail; each renderer shows it as text.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Cell: TypeAlias = str | int | float | None
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Table:
    """Rows under columns; `counts` names the columns that hold numbers. The first cell of a row names it.

    `left_out` says how many more rows there are that are not shown.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    counts: frozenset[str] = frozenset()
    left_out: int = 0


@dataclass(frozen=True)
class Matrix:
    """Counts of rows by columns of the same names, such as true labels by answered ones."""

    title: str
    description: str
    names: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Curve:
    """Points (x, y) joined by a line."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Chart:
    """Curves over two axes from 0 to 1, with what they say as a sentence, and their numbers as a table.

    `marks` are places on the x axis with a name each; `diagonal` is drawn where x = y would be ideal.
    """

    title: str
    description: str
    x: str
    y: str
    curves: Sequence[Curve]
    numbers: Table
    marks: Mapping[str, float] = field(default_factory=dict)
    diagonal: bool = False


@dataclass(frozen=True)
class Bar:
    """A named value, with the half width of its noise, if it has one, and a word that marks it out."""

    name: str
    value: float
    noise: float = 0.0
    mark: str = ""


@dataclass(frozen=True)
class Bars:
    """Groups of bars from 0 on; `shown` writes a value. `numbers` is the same as a table, where no other has it."""

    title: str
    description: str
    groups: Mapping[str, Sequence[Bar]]
    highest: float
    shown: str = "{:.3f}"
    numbers: Table | None = None


Part: TypeAlias = Table | Matrix | Chart | Bars


@dataclass(frozen=True)
class Section:
    """Parts under a heading."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """A report: what it is about, what was measured and when (`facts`), sections, and notes on what was left out."""

    title: str
    summary: str
    facts: Mapping[str, str]
    sections: Sequence[Section]
    notes: Sequence[str] = ()


def now() -> str:
    """Return the date and time of this moment, as a report states them."""
    return datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")


def share(value: float | None) -> str:
    """Write a share or score with three digits; "" where there is none."""
    return "" if value is None else f"{value:.3f}"


def shortened(text: str, longest: int) -> str:
    """Cut a text of one line to a length, with an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def cut(table: Table, most: int) -> Table:
    """Leave the rows behind the first `most` out, and say how many they are."""
    if len(table.rows) <= most:
        return table
    left_out = table.left_out + len(table.rows) - most
    return Table(table.title, table.columns, table.rows[:most], table.counts, left_out)
