"""Convert sheets of cells to text: each filled row is a block at its row number, under the names of the columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from openclaw_instructor.documents.builder import MAX_BLOCKS, MAX_CHARACTERS, DocumentBuilder
from openclaw_instructor.documents.document import Location
from openclaw_instructor.documents.tables import HEADER_SAMPLE, Row, column_names, find_header, row_text

MAX_COLUMNS = 500
# Larger merged areas are not filled.
_MAX_FILLED = 1_000_000
# Default names of sheets.
_UNNAMED = re.compile(
    r"(?:sheet|tabelle|feuil|feuille|hoja|foglio|blad|ark|taul|list|munka|arkusz|planilha|planilla|лист|аркуш|sayfa"
    r"|シート|工作表|시트)\s*\d*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Area:
    """A rectangle of cells, rows and columns counted from 1, both ends included."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


@dataclass
class Sheet:
    """The cells of a sheet as people read them: row -> column -> text, both counted from 1, empty ones left out.

    `merged` are areas whose text stands in their first cell. `headed` are areas known to be tables with the names of
    the columns in their first row.
    """

    name: str = ""
    cells: dict[int, dict[int, str]] = field(default_factory=dict)
    merged: list[Area] = field(default_factory=list)
    headed: list[Area] = field(default_factory=list)
    remarks: dict[int, list[str]] = field(default_factory=dict)
    characters: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it holds as much text as is read of a document."""
        return self.characters > MAX_CHARACTERS or len(self.cells) > MAX_BLOCKS

    def put(self, row: int, column: int, text: str) -> None:
        """Set a cell; blank texts are left out."""
        if text and not text.isspace():
            self.cells.setdefault(row, {})[column] = text
            self.characters += len(text)

    def remark(self, row: int, text: str) -> None:
        """Add a comment on a row, or the text of a box over it."""
        if text:
            self.remarks.setdefault(row, []).append(text)
            self.characters += len(text)


def add_sheet(builder: DocumentBuilder, sheet: Sheet, is_only: bool) -> None:
    """Add a sheet under its name; the name that every new file has is no heading when it `is_only` one sheet."""
    rows = sorted(sheet.cells)
    if not rows and not sheet.remarks:
        return
    if sheet.name and not (is_only and _UNNAMED.fullmatch(sheet.name.strip())):
        first, last = (rows[0], rows[-1]) if rows else (1, 1)
        builder.heading(sheet.name, 1, Location("row", first, last, sheet.name))
    _fill_merged(sheet, rows)
    columns = sorted({column for cells in sheet.cells.values() for column in cells})[:MAX_COLUMNS]
    header: Row | None = None
    for run in _runs(rows):
        grid = [[sheet.cells[row].get(column, "") for column in columns] for row in run]
        header = _add_run(builder, sheet, run, grid, columns, header)
    for row in sorted(sheet.remarks):
        _add_remarks(builder, sheet, row)


def add_rows(builder: DocumentBuilder, rows: Iterable[tuple[int, Row]], header: Row | None) -> Row | None:
    """Add numbered rows without a gap one by one; returns the row that names the columns from here on."""
    rest = iter(rows)
    first = list(islice(rest, HEADER_SAMPLE))
    found = find_header([texts for _, texts in first], needs_evidence=header is not None)
    names = column_names(header) if header is not None else ""
    for index, (number, texts) in enumerate(chain(first, rest)):
        if builder.is_full:
            break
        builder.paragraph(
            row_text(texts), Location("row", number, number), "" if index == found else names, is_continued=index > 0
        )
        if index == found:
            header, names = texts, column_names(texts)
    return header


def _add_run(
    builder: DocumentBuilder,
    sheet: Sheet,
    run: list[int],
    grid: list[list[str]],
    columns: list[int],
    header: Row | None,
) -> Row | None:
    """Add rows without a gap; returns the row that names the columns from here on.

    Below a gap the names above go on, unless it is plain that new ones follow.
    """
    known = {area.first_row: area for area in sheet.headed}
    found = find_header(grid, needs_evidence=header is not None)
    names = column_names(header) if header is not None else ""
    ends: int | None = None
    is_continued = False
    for index, (row, texts) in enumerate(zip(run, grid, strict=True)):
        if builder.is_full:
            break
        if ends is not None and row > ends:
            header, ends = None, None
        is_header = index == found if not known else row in known
        context = names if header is not None and not is_header else ""
        builder.paragraph(row_text(texts), Location("row", row, row, sheet.name), context, is_continued)
        is_continued = True
        _add_remarks(builder, sheet, row)
        if is_header:
            header = _with_groups(texts, sheet, row, columns)
            names = column_names(header)
            ends = known[row].last_row if known else None
    return header


def _add_remarks(builder: DocumentBuilder, sheet: Sheet, row: int) -> None:
    for text in sheet.remarks.pop(row, ()):
        builder.paragraph(text, Location("row", row, row, sheet.name), is_continued=True)


def _with_groups(names: list[str], sheet: Sheet, row: int, columns: list[int]) -> list[str]:
    """Prefix the names of columns with those of the groups that span them in the row above."""
    groups: dict[int, str] = {}
    for area in sheet.merged:
        if area.first_row == row - 1 and area.last_column > area.first_column:
            text = sheet.cells.get(row - 1, {}).get(area.first_column, "")
            groups |= {column: text for column in columns if area.first_column <= column <= area.last_column}
    whole = len(set(groups.values())) > 1
    return [f"{groups[column]} {name}" if whole and column in groups and name else name
            for column, name in zip(columns, names, strict=True)]  # fmt: skip


def _fill_merged(sheet: Sheet, rows: list[int]) -> None:
    """Repeat the text of a vertically merged cell in each row, so that each row is complete by itself."""
    left = _MAX_FILLED
    for area in sheet.merged:
        text = sheet.cells.get(area.first_row, {}).get(area.first_column, "")
        if not text or area.last_row == area.first_row:
            continue
        for row in range(area.first_row + 1, min(area.last_row, rows[-1]) + 1):
            left -= 1
            if left < 0:
                return
            if row in sheet.cells:
                sheet.cells[row].setdefault(area.first_column, text)


def _runs(rows: list[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for row in rows:
        if run and row > run[-1] + 1:
            yield run
            run = []
        run.append(row)
    if run:
        yield run
