"""Read the tables of a page as rows of cells, with the names of their columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_instructor.documents.tables import find_header

if TYPE_CHECKING:
    from lxml.etree import _Element

_MAX_COLUMNS = 100
_MAX_SPAN = 1_000
_MAX_CELL_OF_DATA = 2_000
_GUTTER = re.compile(r"(?:^|[\s_-])(?:linenos?|gutter|line-?numbers?|rouge-gutter|blob-num)(?:$|[\s_-])", re.IGNORECASE)

CellText = Callable[["_Element"], str]


@dataclass(frozen=True)
class Row:
    """The cells of a row, and the line of the file on which it begins."""

    cells: list[str]
    line: int


@dataclass(frozen=True)
class Table:
    """A data table; `columns` are the names of its columns, "" for a column without a name."""

    caption: str
    header: list[Row]
    rows: list[Row]
    columns: list[str]


def is_layout(table: _Element, layouts: set[_Element]) -> bool:
    """Whether a table is used for layout: it contains code, lists or other tables."""
    return table in layouts or table.get("role") in ("presentation", "none")


def read_table(table: _Element, text_of: CellText) -> Table | None:
    """Read the rows of a table; None for one with a single column or with cells as long as pages."""
    caption = " ".join(text_of(child) for child in table if child.tag == "caption").strip()
    rows: list[Row] = []
    heads: list[bool] = []
    spanning: dict[int, tuple[int, str]] = {}
    for element, in_head in _row_elements(table):
        cells = [cell for cell in element if cell.tag in ("td", "th")][:_MAX_COLUMNS]
        row = _spread(cells, spanning, text_of)
        if any(row):
            rows.append(Row(row, element.sourceline or 0))
            heads.append(in_head or (bool(cells) and all(cell.tag == "th" for cell in cells)))
    if not rows or max(len(row.cells) for row in rows) < 2:
        return None
    if any(len(cell) > _MAX_CELL_OF_DATA for row in rows for cell in row.cells):
        return None
    leading = next((number for number, head in enumerate(heads) if not head), len(heads))
    if leading == len(rows):
        leading = 1 if len(rows) > 1 else 0
    if not leading and len(rows) > 2 and find_header([row.cells for row in rows]) == 0:
        leading = 1
    header = rows[:leading]
    return Table(caption, header, rows[leading:], _columns(header))


def is_gutter(element: _Element) -> bool:
    """Whether an element holds the line numbers beside code."""
    names = element.get("class")
    return names is not None and bool(_GUTTER.search(names[:200]))


def _row_elements(table: _Element) -> Iterator[tuple[_Element, bool]]:
    for child in table:
        if child.tag == "tr":
            yield child, False
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from ((row, child.tag == "thead") for row in child if row.tag == "tr")


def _spread(cells: list[_Element], spanning: dict[int, tuple[int, str]], text_of: CellText) -> list[str]:
    """List the cells of a row, including those that span down from above; a cell over several columns occurs once."""
    row: list[str] = []

    def from_above() -> None:
        while len(row) in spanning and len(row) < _MAX_COLUMNS:
            left, text = spanning.pop(len(row))
            if left > 1:
                spanning[len(row)] = (left - 1, text)
            row.append(text)

    for cell in cells:
        from_above()
        text = text_of(cell)
        down, across = _span(cell, "rowspan"), _span(cell, "colspan")
        for part in range(min(across, _MAX_COLUMNS - len(row))):
            if down > 1:
                spanning[len(row)] = (down - 1, text if not part else "")
            # A name that spans several columns belongs to each of them; a value that does is written once.
            row.append(text if not part or cell.tag == "th" else "")
    from_above()
    return row


def _span(cell: _Element, name: str) -> int:
    value = cell.get(name, "1").strip()
    return min(_MAX_SPAN, max(1, int(value))) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def _columns(header: list[Row]) -> list[str]:
    width = max((len(row.cells) for row in header), default=0)
    names = []
    for column in range(width):
        parts = [row.cells[column] for row in header if column < len(row.cells)]
        names.append(" ".join(dict.fromkeys(part for part in parts if part)))
    return names
