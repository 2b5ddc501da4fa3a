"""Read delimited tables: CSV, TSV and their kin (RFC 4180 and common deviations)."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import PurePath
from typing import Literal

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Document
from openclaw_instructor.documents.encoding import decode
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.sheets import MAX_COLUMNS, Sheet, add_sheet

_Quoting = Literal[0, 3]
# In this order when two fit equally: a comma stands in numbers and texts most often.
_DELIMITERS = "\t;|,"
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_ROWS = 100
# An unclosed quotation mark would make one cell of all that follows.
_MAX_LINES_OF_CELL = 200


def read(data: bytes, path: PurePath) -> Document:
    """Read a table. Rows are counted as a spreadsheet counts them, the row of names included."""
    text, notes = decode(data)
    text = text.removeprefix("\ufeff")
    stated = text[:6].lower()
    first = 1
    if stated.startswith("sep=") and len(stated) > 4:
        # Excel names the delimiter in a first line `sep=;`.
        delimiter, text, first = text[4], text.partition("\n")[2], 2
    else:
        delimiter = _delimiter(text[:_SAMPLE_CHARACTERS], path)
    try:
        sheet = _sheet(text, delimiter, first, csv.QUOTE_MINIMAL)
    except csv.Error:
        sheet = _sheet(text, delimiter, first, csv.QUOTE_NONE)
        notes.append("a quotation mark is never closed: quotation marks are read as characters")
    builder = DocumentBuilder()
    add_sheet(builder, sheet, is_only=True)
    return builder.document(notes=notes)


def _sheet(text: str, delimiter: str, first: int, quoting: _Quoting) -> Sheet:
    sheet = Sheet()
    for number, row in enumerate(_rows(text, delimiter, quoting), start=first):
        for column, cell in enumerate(row[:MAX_COLUMNS], start=1):
            if "\n" in cell and cell.count("\n") > _MAX_LINES_OF_CELL:
                raise csv.Error("a cell of too many lines")
            sheet.put(number, column, cell)
        if sheet.is_full:
            break
    return sheet


def _rows(text: str, delimiter: str, quoting: _Quoting) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, skipinitialspace=True)


def _delimiter(sample: str, path: PurePath) -> str:
    """Find the delimiter that splits most rows into as many cells as the first row has."""
    best, best_score = ("\t" if path.suffix.lower() in (".tsv", ".tab") else ","), 0.0
    for delimiter in _DELIMITERS:
        try:
            rows = list(itertools.islice(_rows(sample, delimiter, csv.QUOTE_MINIMAL), _SAMPLE_ROWS))
        except csv.Error:
            continue
        # The last row of the sample may be cut off.
        widths = [len(row) for row in (rows[:-1] or rows) if row]
        if not widths or max(widths) < 2:
            continue
        common = max(set(widths), key=lambda width: (widths.count(width), width))
        score = widths.count(common) / len(widths) * (1.0 if widths[0] == common else 0.7) if common > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


FORMATS = (Format("table", (".csv", ".tsv", ".tab"), read, isolated=True),)
