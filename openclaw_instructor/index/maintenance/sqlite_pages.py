"""Read the rows of a damaged SQLite file from the pages that are intact.

SQLite itself stops at the first page that is not what it should be, and with it goes everything below. Here each page
is read for itself: a table is followed from its root as far as it goes, and leaves that nothing leads to any more are
read too. The format is that of https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

from openclaw_instructor.index.maintenance import sqlite_log

Value = str | bytes | int | float | None

_MAGIC = b"SQLite format 3\0"
_HEADER = 100
_PAGE_SIZES = frozenset(2**power for power in range(9, 17))
_USUAL_PAGE_SIZE = 4_096
_INTERIOR_TABLE, _LEAF_TABLE, _INTERIOR_INDEX, _LEAF_INDEX = 5, 13, 2, 10
_KINDS = frozenset({_INTERIOR_TABLE, _LEAF_TABLE, _INTERIOR_INDEX, _LEAF_INDEX})
# Bytes of an integer of each type of a record; 7 is a float of 8.
_NUMBER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8}
_BROKEN = (IndexError, struct.error, UnicodeDecodeError, ValueError)


@dataclass(frozen=True)
class Row:
    """A row of the b-tree that begins at page `root`, or 0 when nothing leads to its page."""

    root: int
    rowid: int
    values: tuple[Value, ...]


class Pages:
    """The pages of a file, by number from 1. `version` is its `user_version`, or None if its header is gone."""

    def __init__(self, file: BinaryIO, log: BinaryIO | None = None) -> None:
        """Read `file` as the finished transactions of its write-ahead log left it."""
        self._file, self._log = file, log
        size, self._logged = sqlite_log.pages(log) if log is not None else (0, {})
        self.size = size or _USUAL_PAGE_SIZE
        header = self._bytes(1, _HEADER).ljust(_HEADER, b"\0")
        (stated,) = struct.unpack_from(">H", header, 16)
        intact = header.startswith(_MAGIC) and (stated in _PAGE_SIZES or stated == 1)
        if intact and not size:
            self.size = 65_536 if stated == 1 else stated
        self._usable = self.size - (header[20] if intact else 0)
        self.count = max(-(-file.seek(0, os.SEEK_END) // self.size), *self._logged, 0)
        self.version = struct.unpack_from(">I", header, 60)[0] if intact else None
        self._free = set(self._free_pages(header)) if intact else set()

    def rows(self) -> Iterator[Row]:
        """Yield every row that can be read: those of each table, then those of pages that no table leads to."""
        seen: set[int] = set()
        schema = list(self._tree(1, 1, seen))
        yield from schema
        for row in schema:
            root = row.values[3] if len(row.values) == 5 else None
            if isinstance(root, int):
                yield from self._tree(root, root, seen)
        for number in range(1, self.count + 1):
            if number not in seen and number not in self._free:
                yield from self._tree(number, 0, seen)

    def _tree(self, start: int, root: int, seen: set[int]) -> Iterator[Row]:
        waiting = [start]
        while waiting:
            number = waiting.pop()
            if number in seen or not 1 <= number <= self.count:
                continue
            seen.add(number)
            page = self._page(number)
            begin = _HEADER if number == 1 else 0
            if len(page) < self.size or page[begin] not in _KINDS:
                continue
            kind = page[begin]
            if kind in (_INTERIOR_TABLE, _INTERIOR_INDEX):
                waiting += self._children(page, begin)
            if kind != _INTERIOR_TABLE:
                yield from self._cells(page, begin, root)

    def _children(self, page: bytes, begin: int) -> list[int]:
        places = [begin + 8, *(place for place in self._places(page, begin) if place + 4 <= len(page))]
        return [struct.unpack_from(">I", page, place)[0] for place in places]

    def _places(self, page: bytes, begin: int) -> list[int]:
        (count,) = struct.unpack_from(">H", page, begin + 3)
        first = begin + (12 if page[begin] in (_INTERIOR_TABLE, _INTERIOR_INDEX) else 8)
        count = min(count, (len(page) - first) // 2)
        return list(struct.unpack_from(f">{count}H", page, first))

    def _cells(self, page: bytes, begin: int, root: int) -> Iterator[Row]:
        of_table = page[begin] == _LEAF_TABLE
        for place in self._places(page, begin):
            try:
                at = place + (4 if page[begin] == _INTERIOR_INDEX else 0)
                length, at = _varint(page, at)
                rowid, at = _varint(page, at) if of_table else (0, at)
                if length > self.count * self.size:
                    continue
                yield Row(root, rowid, _record(self._payload(page, at, length, of_table)))
            except _BROKEN:
                continue

    def _payload(self, page: bytes, at: int, length: int, of_table: bool) -> bytes:
        """Read a payload, the first part of which lies in its page and the others in pages of their own."""
        usable = self._usable
        most = usable - 35 if of_table else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return _exactly(page[at : at + length], length)
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        local = local if local <= most else least
        parts = [page[at : at + local]]
        (following,) = struct.unpack_from(">I", page, at + local)
        rest = length - local
        while rest > 0:
            overflow = self._page(following)
            (following,) = struct.unpack_from(">I", overflow)
            parts.append(_exactly(overflow[4 : 4 + min(rest, usable - 4)], min(rest, usable - 4)))
            rest -= usable - 4
        return b"".join(parts)

    def _free_pages(self, header: bytes) -> Iterator[int]:
        """Yield the numbers of the pages that hold nothing, whose old content must not come back."""
        trunk, count = struct.unpack_from(">II", header, 32)
        for _ in range(min(count, self.count)):
            if not 1 <= trunk <= self.count:
                return
            yield trunk
            page = self._page(trunk)
            if len(page) < self.size:
                return
            trunk, leaves = struct.unpack_from(">II", page)
            yield from struct.unpack_from(f">{min(leaves, self.size // 4 - 2)}I", page, 8)

    def _page(self, number: int) -> bytes:
        if not 1 <= number <= self.count:
            raise ValueError(f"there is no page {number}")
        return self._bytes(number, self.size)

    def _bytes(self, number: int, length: int) -> bytes:
        logged = self._logged.get(number)
        file = self._file if logged is None or self._log is None else self._log
        try:
            file.seek((number - 1) * self.size if logged is None else logged)
            return file.read(length)
        except OSError:
            # A part of the disk that cannot be read.
            return b""


def _exactly(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise ValueError("the payload ends early")
    return data


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of 1 to 9 bytes; return it and where it ends."""
    value = 0
    for place in range(at, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    value = value << 8 | data[at + 8]
    return (value - 2**64 if value >= 2**63 else value), at + 9


def _record(payload: bytes) -> tuple[Value, ...]:
    """Decode a record. Raises one of _BROKEN if it is none."""
    end, at = _varint(payload, 0)
    if not 1 <= end <= len(payload):
        raise ValueError("the header is longer than the record")
    types = []
    while at < end:
        kind, at = _varint(payload, at)
        types.append(kind)
    values: list[Value] = []
    at = end
    for kind in types:
        length = _length(kind)
        data = _exactly(payload[at : at + length], length)
        values.append(_value(kind, data))
        at += length
    if at != len(payload):
        raise ValueError("the record does not end where it should")
    return tuple(values)


@lru_cache(maxsize=4_096)
def _length(kind: int) -> int:
    if kind in (10, 11) or kind < 0:
        raise ValueError(f"there is no type {kind}")
    return _NUMBER_BYTES.get(kind, 0) if kind < 12 else (kind - 12) // 2


def _value(kind: int, data: bytes) -> Value:
    if kind >= 12:
        return data.decode() if kind % 2 else data
    if kind == 7:
        number: float = struct.unpack(">d", data)[0]
        return number
    if kind in (8, 9):
        return kind - 8
    return int.from_bytes(data, "big", signed=True) if kind else None
