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
from openclaw_instructor.documents.sheets import MAX_COLUMNS, add_rows
from openclaw_instructor.documents.tables import Row

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
    quoting: _Quoting = csv.QUOTE_MINIMAL
    try:
        columns = _columns(text, delimiter, quoting)
    except csv.Error:
        quoting = csv.QUOTE_NONE
        columns = _columns(text, delimiter, quoting)
        notes.append("a quotation mark is never closed: quotation marks are read as characters")
    builder = DocumentBuilder()
    header: Row | None = None
    numbered = enumerate(_rows(text, delimiter, quoting), start=first)
    for is_filled, run in itertools.groupby(numbered, lambda item: any(map(str.strip, item[1][:MAX_COLUMNS]))):
        if builder.is_full:
            break
        if is_filled:
            header = add_rows(builder, ((number, _cells(row, columns)) for number, row in run), header)
    return builder.document(notes=notes)


def _columns(text: str, delimiter: str, quoting: _Quoting) -> list[int]:
    """Find the columns that hold anything. Raises csv.Error for a cell of too many lines."""
    filled: set[int] = set()
    for row in _rows(text, delimiter, quoting):
        for column, cell in enumerate(row[:MAX_COLUMNS]):
            if "\n" in cell and cell.count("\n") > _MAX_LINES_OF_CELL:
                raise csv.Error("a cell of too many lines")
            if column not in filled and cell.strip():
                filled.add(column)
    return sorted(filled)


def _cells(row: list[str], columns: list[int]) -> list[str]:
    return [row[column] if column < len(row) and row[column].strip() else "" for column in columns]


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
