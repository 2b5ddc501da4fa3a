"""Read the rows of CSV, TSV and JSONL files of any size, in the encoding that they are in."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_instructor.documents.encoding import codec_of_file, spoken

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")
_LONGEST_FIELD = 70_000_000


@dataclass(frozen=True)
class Rows:
    """The rows of a table, read anew by each iteration: (line, row, why it cannot be read or "").

    `has_header` says that all rows have the columns of the first line; `note` that the encoding was guessed.
    """

    file: Path
    codec: str
    has_header: bool
    note: str

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any], str]]:
        return self._table() if self.has_header else self._objects()

    def _table(self) -> Iterator[tuple[int, dict[str, Any], str]]:
        csv.field_size_limit(_LONGEST_FIELD)
        with self.file.open(encoding=self.codec, errors="replace", newline="") as stream:
            delimiter = "\t" if self.file.suffix.lower() == ".tsv" else _delimiter(stream.readline())
            stream.seek(0)
            rows = csv.DictReader((line.replace("\0", "") for line in stream), delimiter=delimiter)
            try:
                for row in rows:
                    yield rows.line_num, row, ""
            except csv.Error as error:
                yield rows.line_num, {}, f"is not readable as a table from here on ({error})"

    def _objects(self) -> Iterator[tuple[int, dict[str, Any], str]]:
        with self.file.open(encoding=self.codec, errors="replace", newline="\n") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    yield number, {}, f"is no JSON ({error})"
                    continue
                yield (number, row, "") if isinstance(row, dict) else (number, {}, "is no JSON object")


def rows_of(file: Path) -> Rows:
    """Return the rows of a file. Raises OSError when it cannot be read."""
    codec = codec_of_file(file)
    note = "" if codec.startswith("utf") else f"not UTF-8: read as {spoken(codec)}"
    return Rows(file, codec, file.suffix.lower() in (".csv", ".tsv"), note)


def _delimiter(header: str) -> str:
    return max(",;\t|", key=lambda each: (header.count(each), each == ","))
