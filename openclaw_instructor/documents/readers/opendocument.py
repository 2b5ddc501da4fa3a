"""Read OpenDocument texts, spreadsheets and presentations.

Read from their XML: odfpy, the library for it, has had no release since 2020 and holds whole spreadsheets in memory
cell by cell.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.archive import attribute, child, local
from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Document, Location
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.opendocument import CONTENT, Found, Package, flat_text, text_of
from openclaw_instructor.documents.sheets import MAX_COLUMNS, Area, Sheet, add_sheet
from openclaw_instructor.documents.tables import add_table, find_header

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_LEFT_OUT = frozenset({"tracked-changes", "forms", "table-of-content", "illustration-index", "table-index",
                       "object-index", "alphabetical-index", "sequence-decls", "settings", "animations"})  # fmt: skip
_ROW_GROUPS = ("table", "table-header-rows", "table-rows", "table-row-group")
_FURNITURE = ("page-number", "date-time", "footer", "header", "page")
_MAX_TABLE_COLUMNS = 100
_LAYOUT_CELL_CHARACTERS = 800


def read_text(data: bytes, path: PurePath) -> Document:
    """Read a text document.

    Its title is a paragraph in the style "Title", else that of its properties, else its first heading of level 1.
    """
    package = Package(data)
    text = _Text(package)
    for element in package.archive.elements(CONTENT, inside=("text",)):
        text.block(element)
        if text.builder.is_full:
            break
    document = text.builder.document("", package.metadata())
    first = next((block.heading for block in document.blocks if block.level == 1), "")
    return replace(document, title=text.title or package.title or first)


def read_presentation(data: bytes, path: PurePath) -> Document:
    """Read a presentation. Its title is that of its properties, else that of its first slide."""
    package = Package(data)
    builder = DocumentBuilder()
    pages = package.archive.elements(CONTENT, "page", inside=("presentation",))
    for number, page in enumerate(pages, start=1):
        text = _Text(package, builder, Location("slide", number, number))
        titles = [shape for shape in page if attribute(shape, "class") == "title"]
        title = " ".join(filter(None, map(flat_text, titles)))
        builder.heading(title, 1, text.location)
        text.needs_heading = not title
        for shape in page:
            if shape not in titles and local(shape) != "notes":
                text.block(shape)
        for shape in page.iterfind("{*}notes/*"):
            if attribute(shape, "class") == "notes" and (notes := flat_text(shape)):
                builder.paragraph(f"Notes: {notes}", text.location)
        if builder.is_full:
            break
    document = builder.document("", package.metadata())
    first = next((block.heading for block in document.blocks if block.level), "")
    return replace(document, title=package.title or first)


def read_spreadsheet(data: bytes, path: PurePath) -> Document:
    """Read a spreadsheet. Its cells say what they show, dates in ISO 8601."""
    package = Package(data)
    builder = DocumentBuilder()
    hidden = 0
    sheets = _sheets(package)
    opening = list(itertools.islice(sheets, 2))
    for sheet, is_hidden in itertools.chain(opening, sheets):
        hidden += is_hidden and bool(sheet.cells)
        add_sheet(builder, sheet, is_only=len(opening) == 1)
        if builder.is_full:
            break
    notes = [f"{hidden} of its sheets {'is' if hidden == 1 else 'are'} hidden; they are read too"] if hidden else []
    return builder.document(package.title, package.metadata(), notes)


class _Text:
    """Collects the blocks of a text, or of one slide."""

    def __init__(
        self, package: Package, builder: DocumentBuilder | None = None, location: Location | None = None
    ) -> None:
        self.package = package
        self.builder = builder or DocumentBuilder()
        self.location = location
        self.title = ""
        self.needs_heading = False
        self._counts: dict[tuple[str, int], int] = {}

    def block(self, element: Element) -> None:
        name = local(element)
        if name in ("p", "h"):
            self._paragraph(element, "")
        elif name == "list":
            self._list(element, attribute(element, "style-name"), 1)
        elif name == "table":
            self._table(element)
        elif name not in _LEFT_OUT and attribute(element, "class") not in _FURNITURE:
            # Sections, frames, boxes and groups.
            for inner in element:
                self.block(inner)

    def _paragraph(self, element: Element, number: str) -> None:
        found = Found()
        text = text_of(element, found)
        style = attribute(element, "style-name")
        outline = attribute(element, "outline-level")
        level = int(outline) if outline.isdecimal() and local(element) == "h" else self.package.styles.level(style)
        if self.package.styles.is_title(style):
            self.title = self.title or text
            level = level or 1
        if text and self.needs_heading:
            # A slide without a heading would appear under that of the slide before.
            self.needs_heading = False
            level = 1
        if text and level:
            self.builder.heading(text, level, self.location)
        else:
            self.builder.paragraph(
                f"{number} {text}" if number and text else text, self.location, is_continued=bool(number)
            )
        for remark in found.remarks:
            self.builder.paragraph(remark, self.location, is_continued=True)
        for box in found.boxes:
            for inner in box:
                self.block(inner)

    def _list(self, element: Element, style: str, depth: int) -> None:
        key = (style, depth)
        if depth == 1 and attribute(element, "continue-numbering") != "true":
            self._counts[key] = 0
        for item in element:
            mark = ""
            if local(item) == "list-item":
                start = attribute(item, "start-value")
                self._counts[key] = int(start) if start.isdecimal() else self._counts.get(key, 0) + 1
                mark = self.package.styles.number(style, depth, self._counts[key])
            for inner in item:
                if local(inner) == "list":
                    nested = attribute(inner, "style-name") or style
                    self._counts.pop((nested, depth + 1), None)
                    self._list(inner, nested, depth + 1)
                elif local(inner) in ("p", "h"):
                    self._paragraph(inner, mark)
                    mark = ""
                else:
                    self.block(inner)

    def _table(self, table: Element) -> None:
        rows = list(_rows(table))
        cells = [cell for row, _ in rows for cell in row if local(cell) == "table-cell"]
        if _is_layout(rows, cells):
            for cell in cells:
                for inner in cell:
                    self.block(inner)
            return
        grid: list[list[str]] = []
        for row, _ in rows:
            grid.append(_grid_row(row, grid[-1] if grid else []))
        marked = [index for index, (_, is_header) in enumerate(rows) if is_header]
        header = marked[-1] if marked and marked[-1] < len(rows) - 1 else find_header(grid)
        add_table(self.builder, grid, [self.location] * len(grid), header)


def _is_layout(rows: list[tuple[Element, bool]], cells: list[Element]) -> bool:
    """Whether a table only puts text side by side: it has one column, or cells with headings, tables or long text."""
    return (
        max((len(row) for row, _ in rows), default=0) <= 1
        or any(local(inner) in ("h", "table") for cell in cells for inner in cell)
        or any(len(flat_text(cell)) > _LAYOUT_CELL_CHARACTERS for cell in cells)
    )


def _rows(table: Element, is_header: bool = False) -> Iterator[tuple[Element, bool]]:
    for part in table:
        if local(part) == "table-row":
            yield part, is_header
        elif local(part) in _ROW_GROUPS:
            yield from _rows(part, is_header or local(part) == "table-header-rows")


def _grid_row(row: Element, above: list[str]) -> list[str]:
    """List the texts of a row; a cell that spans down from above repeats its text."""
    texts: list[str] = []
    across = 0
    for cell in row:
        if local(cell) == "table-cell":
            text, across = flat_text(cell), _count(cell, "number-columns-spanned") - 1
        else:
            text = above[len(texts)] if across <= 0 and len(texts) < len(above) else ""
            across -= 1
        texts += [text] * min(_count(cell, "number-columns-repeated"), _MAX_TABLE_COLUMNS - len(texts))
    return texts


def _sheets(package: Package) -> Iterator[tuple[Sheet, bool]]:
    """Yield each sheet, and whether it is hidden. Rows are read one by one: a spreadsheet may be larger than memory."""
    table: Element | None = None
    sheet, row = Sheet(), 1
    for element in package.archive.elements(CONTENT, "table-row", inside=_ROW_GROUPS):
        of = next(element.iterancestors("{*}table"))
        if of is not table:
            if table is not None:
                yield sheet, attribute(table, "style-name") in package.styles.hidden_tables
            table, sheet, row = of, Sheet(attribute(of, "name")), 1
        if not sheet.is_full:
            _put_row(sheet, element, row)
        row += _count(element, "number-rows-repeated")
    if table is not None:
        yield sheet, attribute(table, "style-name") in package.styles.hidden_tables


def _put_row(sheet: Sheet, element: Element, row: int) -> None:
    column = 1
    for cell in element:
        repeated = _count(cell, "number-columns-repeated")
        if text := _shown(cell, sheet, row):
            for offset in range(min(repeated, MAX_COLUMNS)):
                sheet.put(row, column + offset, text)
            down, across = _count(cell, "number-rows-spanned"), _count(cell, "number-columns-spanned")
            if down > 1 or across > 1:
                sheet.merged.append(Area(row, column, row + down - 1, column + across - 1))
        column += repeated


def _shown(cell: Element, sheet: Sheet, row: int) -> str:
    kind = attribute(cell, "value-type")
    if kind == "date":
        return attribute(cell, "date-value").removesuffix("T00:00:00").replace("T", " ")
    found = Found()
    text = "\n".join(text_of(one, found) for one in cell if local(one) == "p")
    annotation = child(cell, "annotation")
    if annotation is not None and (remark := flat_text(annotation)):
        sheet.remark(row, f"[Comment: {remark}]")
    return text or (attribute(cell, "value") if kind in ("float", "percentage", "currency") else "")


def _count(element: Element, name: str) -> int:
    value = attribute(element, name)
    return max(1, int(value)) if value.isdecimal() and len(value) < 9 else 1


FORMATS = (
    Format("OpenDocument text", (".odt", ".ott"), read_text, max_bytes=100_000_000, isolated=True),
    Format("OpenDocument presentation", (".odp", ".otp"), read_presentation, max_bytes=100_000_000, isolated=True),
    Format("OpenDocument spreadsheet", (".ods", ".ots"), read_spreadsheet, max_bytes=50_000_000, isolated=True),
)
