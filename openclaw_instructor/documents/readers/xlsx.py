"""Read Excel workbooks: the filled rows of each sheet as Excel shows them, under the names of their columns.

Read from the sheets' XML row by row. openpyxl's reader for large files knows no merged cells, and refuses a whole
workbook of the strict form or with a style that it does not understand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.archive import attribute, child, local
from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Document
from openclaw_instructor.documents.drawing import body_text, descendants
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.number_format import BUILT_IN, GENERAL, shown
from openclaw_instructor.documents.ooxml import Package
from openclaw_instructor.documents.sheets import Area, Sheet, add_sheet

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_MAX_ROW, _MAX_COLUMN = 1_048_576, 16_384
_MAX_MERGED = 100_000


def read(data: bytes, path: PurePath) -> Document:
    """Read a workbook. A formula is what it last came to; sheets that are hidden are read too, and noted."""
    package = Package(data)
    return _Workbook(package, package.main_part("xl")).run()


class _Workbook:
    def __init__(self, package: Package, main: str) -> None:
        self.package = package
        self.main = main
        self.root = package.archive.xml(main)
        properties = child(self.root, "workbookPr")
        self.is_1904 = properties is not None and attribute(properties, "date1904") in ("1", "true")
        self.texts = list(self._shared_texts())
        self.codes = self._format_codes()
        self.unknown_formulas = 0

    def run(self) -> Document:
        sheets = child(self.root, "sheets")
        entries = [entry for entry in sheets if local(entry) == "sheet"] if sheets is not None else []
        builder = DocumentBuilder()
        hidden = 0
        for entry in entries:
            if builder.is_full:
                break
            part = self.package.target(
                self.main, next((value for key, value in entry.items() if key.endswith("}id")), "")
            )
            sheet = self._sheet(attribute(entry, "name"), part)
            hidden += attribute(entry, "state") in ("hidden", "veryHidden") and bool(sheet.cells)
            add_sheet(builder, sheet, is_only=len(entries) == 1)
        notes = []
        if hidden:
            notes.append(f"{hidden} of its sheets {'is' if hidden == 1 else 'are'} hidden; they are read too")
        if self.unknown_formulas:
            notes.append(
                f"{self.unknown_formulas} formulas have no stored result and are left out; open and save it in a "
                "spreadsheet program to find them"
            )
        return builder.document(self.package.title(), self.package.metadata(), notes)

    def _shared_texts(self) -> Iterator[str]:
        for part in self.package.related(self.main, "sharedstrings"):
            for item in self.package.archive.elements(part, "si", inside=("sst",)):
                yield _rich_text(item)

    def _format_codes(self) -> list[str]:
        """Return the format code of each cell style, by index."""
        codes = dict(BUILT_IN)
        styles: list[str] = []
        for part in self.package.related(self.main, "styles"):
            for element in self.package.archive.elements(part, inside=("numFmts",)):
                if attribute(element, "numFmtId").isdecimal():
                    codes[int(attribute(element, "numFmtId"))] = attribute(element, "formatCode")
            for element in self.package.archive.elements(part, inside=("cellXfs",)):
                number = attribute(element, "numFmtId")
                styles.append(codes.get(int(number), GENERAL) if number.isdecimal() else GENERAL)
        return styles

    def _sheet(self, name: str, part: str) -> Sheet:
        sheet = Sheet(name)
        row = 0
        elements = self.package.archive.elements(part, "row", "mergeCell", inside=("sheetData", "mergeCells"))
        for element in elements:
            if local(element) == "mergeCell":
                sheet.merged += _areas(attribute(element, "ref"))
            else:
                stated = attribute(element, "r")
                row = int(stated) if stated.isdecimal() and 0 < int(stated) <= _MAX_ROW else row + 1
                self._row(sheet, element, row)
            if sheet.is_full or len(sheet.merged) > _MAX_MERGED:
                break
        self._tables(sheet, part)
        self._remarks(sheet, part)
        return sheet

    def _row(self, sheet: Sheet, element: Element, row: int) -> None:
        column = 0
        for cell in element:
            # Read from the element directly, because there may be a million cells.
            column = _column(cell.get("r", "").rstrip("0123456789")) or column + 1
            if column <= _MAX_COLUMN and (text := self._text(cell)):
                sheet.put(row, column, text)

    def _text(self, cell: Element) -> str:
        kind = cell.get("t", "n")
        value = formula = None
        for part in cell:
            name = local(part)
            if name == "v":
                value = part.text
            elif name == "is":
                return _rich_text(part)
            elif name == "f":
                formula = part
        if not value:
            self.unknown_formulas += formula is not None and kind != "str"
            return ""
        if kind == "s":
            return self.texts[int(value)] if value.isdecimal() and int(value) < len(self.texts) else ""
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind in ("str", "e"):
            return _unescaped(value)
        if kind == "d":
            return value.removesuffix("T00:00:00").replace("T", " ")
        try:
            number = float(value)
        except ValueError:
            return value
        style = cell.get("s", "")
        code = self.codes[int(style)] if style.isdecimal() and int(style) < len(self.codes) else GENERAL
        return shown(number, code, self.is_1904)

    def _tables(self, sheet: Sheet, part: str) -> None:
        """List the ranges declared as tables with a header row."""
        for root in self.package.related_xml(part, "table"):
            if attribute(root, "headerRowCount") != "0":
                sheet.headed += _areas(attribute(root, "ref"))

    def _remarks(self, sheet: Sheet, part: str) -> None:
        """Read the comments on cells and the text boxes over the sheet."""
        for kind, name, piece in (("comments", "comment", "t"), ("threadedcomment", "threadedComment", "text")):
            for root in self.package.related_xml(part, kind):
                for comment in descendants(root, name):
                    text = " ".join("".join(found.text or "" for found in descendants(comment, piece)).split())
                    place = _CELL.fullmatch(attribute(comment, "ref"))
                    # For threaded comments the old format holds only a hint for old programs.
                    if text and place and not text.startswith("[Threaded comment]"):
                        sheet.remark(int(place[2]), f"[Comment on {place[0]}: {text}]")
        for root in self.package.related_xml(part, "drawing"):
            for body in descendants(root, "txBody"):
                sheet.remark(1, body_text(body))


def _rich_text(item: Element) -> str:
    """Return the text of a string item, plain or in runs, without phonetic guides."""
    pieces = []
    for part in item:
        if local(part) == "t":
            pieces.append(part.text or "")
        elif local(part) == "r" and (text := child(part, "t")) is not None:
            pieces.append(text.text or "")
    return _unescaped("".join(pieces))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


@lru_cache(maxsize=_MAX_COLUMN)
def _column(letters: str) -> int:
    """Convert a cell reference to its column number; 0 if it names no column."""
    letters = letters.replace("$", "")
    number = 0
    if not letters.isascii() or not letters.isalpha() or len(letters) > 3:
        return number
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _areas(reference: str) -> list[Area]:
    corners = [_CELL.fullmatch(corner) for corner in reference.split(":")]
    if len(corners) != 2 or not corners[0] or not corners[1]:
        return []
    first, last = corners[0], corners[1]
    return [Area(int(first[2]), _column(first[1]), int(last[2]), _column(last[1]))]


FORMATS = (Format("Excel", (".xlsx", ".xlsm", ".xltx", ".xltm"), read, max_bytes=50_000_000, isolated=True),)
