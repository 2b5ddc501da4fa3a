"""Write tables as text, a line for each row, and find the row that names the columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Location

Row = Sequence[str]

# The column names are embedded with every passage of a table and must leave room for it.
_MAX_NAME_CHARACTERS = 60
_MAX_NAMES_CHARACTERS = 300
# At most a few title lines precede the header row.
_HEADER_WITHIN_ROWS = 10
_SAMPLE_ROWS = 50
# How many rows `find_header` looks at.
HEADER_SAMPLE = _HEADER_WITHIN_ROWS + _SAMPLE_ROWS
_LABEL_CHARACTERS = 40
_SPACES = re.compile(r"\s+")
_YEAR = re.compile(r"(19|20)\d\d")


def row_text(cells: Row) -> str:
    """Join the cells of a row on one line, without empty ones at the end."""
    texts = [_SPACES.sub(" ", cell).strip() for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return " | ".join(texts).strip() if any(texts) else ""


def column_names(header: Row) -> str:
    """Join the column names as context for the rows below them, within a bounded length."""
    names = row_text([_clipped(cell) for cell in header])
    if len(names) <= _MAX_NAMES_CHARACTERS:
        return names
    return names[:_MAX_NAMES_CHARACTERS].rpartition(" | ")[0] + " | …"


def find_header(rows: Sequence[Row], needs_evidence: bool = False) -> int | None:
    """Find the index of the header row, if there is one.

    It is among the first rows and as wide as the rows below it. Names are distinct texts: above numbers or dates any
    text qualifies, above other texts only a short one that does not occur below. With `needs_evidence`, texts above
    texts are not taken for names.
    """
    for index, row in enumerate(rows[:_HEADER_WITHIN_ROWS]):
        body = [below for below in rows[index + 1 : index + 1 + _SAMPLE_ROWS] if any(below)]
        if not body or not any(row):
            continue
        width = sorted(_filled(below) for below in body)[len(body) // 2]
        if _filled(row) >= max(width * 0.6, min(2, width)):
            return index if _names(row, body, needs_evidence) else None
    return None


def add_table(
    builder: DocumentBuilder,
    rows: Sequence[Row],
    locations: Sequence[Location | None] | None = None,
    header: int | None = None,
) -> None:
    """Add each row as a block; those below the row of index `header` have its names as their context."""
    names = "" if header is None else column_names(rows[header])
    is_continued = False
    for index, row in enumerate(rows):
        if builder.is_full:
            return
        if text := row_text(row):
            location = locations[index] if locations else None
            is_below = header is not None and index > header
            builder.paragraph(text, location, names if is_below else "", is_continued)
            is_continued = True


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, a date or a code rather than words."""
    letters = sum(character.isalpha() for character in cell)
    digits = sum(character.isdigit() for character in cell)
    return digits > 0 and letters <= max(3, digits)


def _has_letters(cell: str) -> bool:
    return any(map(str.isalpha, cell))


def _filled(row: Row) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _names(row: Row, body: Sequence[Row], needs_evidence: bool) -> bool:
    cells = [cell.strip() for cell in row]
    written = [cell for cell in cells if cell]
    if len(written) > 1 and len(set(written)) <= len(written) / 2:
        return False
    votes = 0
    for column, cell in enumerate(cells):
        below = [other[column].strip() for other in body if column < len(other) and other[column].strip()]
        if not cell or not below:
            continue
        values = sum(map(is_value, below)) > len(below) / 2
        numbers = sum(not _has_letters(other) for other in below) > len(below) / 2
        if is_value(cell):
            is_year = _YEAR.fullmatch(cell) and not all(map(_YEAR.fullmatch, below))
            votes += 1 if is_year or (_has_letters(cell) and numbers) else -1
        elif values:
            votes += 2
        elif cell in below or len(cell) > _LABEL_CHARACTERS:
            votes -= 1
    return votes > 0 or (votes == 0 and not needs_evidence and _all_labels(written))


def _all_labels(cells: Iterable[str]) -> bool:
    return all(len(cell) <= _LABEL_CHARACTERS and not is_value(cell) and "@" not in cell for cell in cells)


def _clipped(name: str) -> str:
    return name if len(name) <= _MAX_NAME_CHARACTERS else name[: _MAX_NAME_CHARACTERS - 1] + "…"
