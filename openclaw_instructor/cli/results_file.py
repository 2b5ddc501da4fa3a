"""The file of `classify --out`: a result a record, in CSV or JSONL, that an interrupted run can go on with."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from openclaw_instructor.errors import InvalidArguments, UnreadableSource
from openclaw_instructor.paths import expanded

_CSV = ("name", "label", "score", "margin", "reason", "next", "next_score", "subject", "from", "notes")
_HEADER = ",".join(_CSV).encode()
_KEYS = {"name", "label", "score", "margin", "reason"}
# How a line of JSON begins: what is before the name, the name, and what is after it.
_BEFORE_NAME, _NAME, _AFTER_NAME = b'{"name": "', re.compile(rb'(?:[^"\\]|\\.)*'), b'", "label": '
_ESCAPE = re.compile(r"\\u(dc[89a-f][0-9a-f])")  # of a byte of a name, see os.fsdecode
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class ResultsFile:
    """Where results go: the names that an earlier run wrote there, in the first `size` bytes, which are whole records.

    `length` is how many bytes there are, None where there is no file.
    """

    path: Path
    names: frozenset[str] = frozenset()
    size: int = 0
    length: int | None = None


def results_file(out: str, resume: bool) -> ResultsFile:
    """Look at the file without a change to it.

    Raises InvalidArguments for one that may not be written, UnreadableSource for one that is not of `classify --out`.
    """
    path = expanded(out)
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise InvalidArguments(f"--out {out}: end the name with .csv or .jsonl")
    if not path.exists():
        return ResultsFile(path)
    try:
        content = path.read_bytes()
        names, size = (_json_records if path.suffix.lower() == ".jsonl" else _csv_records)(content)
    except (OSError, ValueError, csv.Error) as error:
        raise UnreadableSource(f"{path}: is not what --out writes ({error}); choose another name") from None
    if not resume:
        raise InvalidArguments(f"{path}: is there already; go on with --resume, or choose another name")
    return ResultsFile(path, frozenset(names), size, len(content))


@contextmanager
def writing(target: ResultsFile | None) -> Iterator[Any]:
    """Yield a function that writes a result after the whole records that are there."""
    if target is None:
        yield lambda name, result: None
        return
    try:
        mode = "x" if target.length is None else "a"
        # A byte of a file's name that is not UTF-8 becomes an escape, which is also JSON's own.
        file = target.path.open(mode, encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise UnreadableSource(f"{target.path}: cannot be written ({error.strerror}); check its folder") from None
    with file:
        if os.fstat(file.fileno()).st_size != (target.length or 0):
            raise UnreadableSource(f"{target.path}: another program writes to it; choose another name")
        file.truncate(target.size)
        yield _csv_writer(file, target.size == 0) if target.path.suffix.lower() == ".csv" else _json_writer(file)


def _json_records(content: bytes) -> tuple[set[str], int]:
    size = content.rfind(b"\n") + 1
    unfinished = content[size:]
    if not _may_be_cut_off(unfinished):
        raise ValueError("its last line is no result")
    records = [json.loads(line) for line in content[:size].splitlines()]
    if not all(isinstance(each, dict) and each.keys() >= _KEYS and isinstance(each["name"], str) for each in records):
        raise ValueError("a line is no result")
    return {record["name"] for record in records}, size


def _may_be_cut_off(line: bytes) -> bool:
    """Tell whether this is how a result begins."""
    if len(line) < len(_BEFORE_NAME):
        return _BEFORE_NAME.startswith(line)
    name = _NAME.match(line, len(_BEFORE_NAME))
    rest = line[name.end() :] if name is not None else b""
    return line.startswith(_BEFORE_NAME) and (rest == b"\\" or rest.startswith(_AFTER_NAME[: len(rest)]))


def _csv_records(content: bytes) -> tuple[set[str], int]:
    size = _whole_records(content)
    if size == 0:
        if not _HEADER.startswith(content.rstrip(b"\r")):
            raise ValueError("it does not begin with the names of the columns")
        return set(), 0
    csv.field_size_limit(max(csv.field_size_limit(), size))
    rows = csv.DictReader(io.StringIO(content[:size].decode(), newline=""))
    if tuple(rows.fieldnames or ()) != _CSV:
        raise ValueError("its columns are others")
    return {_as_given(row["name"]) for row in rows}, size


def _whole_records(content: bytes) -> int:
    """Return where the last record ends: at the last line end that is not within quotes."""
    end = place = 0
    for number, part in enumerate(content.split(b'"')):
        if number % 2 == 0 and b"\n" in part:
            end = place + part.rindex(b"\n") + 1
        place += len(part) + 1
    return end


def _json_writer(file: IO[str]) -> Any:
    def write(name: str, result: Mapping[str, Any]) -> None:
        file.write(json.dumps({"name": name, **result}, ensure_ascii=False) + "\n")

    return write


def _csv_writer(file: IO[str], is_new: bool) -> Any:
    rows = csv.DictWriter(file, _CSV, extrasaction="ignore")
    if is_new:
        rows.writeheader()

    def write(name: str, result: Mapping[str, Any]) -> None:
        following = next((each for each in result.get("runners_up", ()) if each["label"] != result["label"]), None)
        row = {**result, "name": name, "notes": "; ".join(result["notes"])}
        if following is not None:
            row |= {"next": following["label"], "next_score": following["score"]}
        rows.writerow({key: _harmless(value) for key, value in row.items()})

    return write


def _harmless(value: Any) -> Any:
    """Put an apostrophe before what a stranger wrote and a spreadsheet would run."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _as_given(name: str) -> str:
    name = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), name)
    return name[1:] if name.startswith("'") and name[1:].startswith(_FORMULA) else name
