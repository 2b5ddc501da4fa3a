"""Find the pages that a write-ahead log holds of a SQLite file: of its finished transactions, the latest of each."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_HEADER, _FRAME = 32, 24
_LITTLE, _BIG = 0x377F0682, 0x377F0683
_MASK = 0xFFFFFFFF


def pages(log: BinaryIO) -> tuple[int, dict[int, int]]:
    """Return the size of a page and where in the log each page that it holds begins, by number from 1.

    Reading ends at the first frame whose checksum is wrong, as SQLite's own does, and what follows the last commit does
    not count. The size is 0 for a log without a header.
    """
    log.seek(0)
    header = log.read(_HEADER)
    if len(header) < _HEADER:
        return 0, {}
    magic, _, size = struct.unpack_from(">III", header)
    if magic not in (_LITTLE, _BIG) or not 512 <= size <= 65_536:
        return 0, {}
    order = "<" if magic == _LITTLE else ">"
    salts = header[16:24]
    sums = _checksum(order, header[:24], (0, 0))
    if struct.pack(">II", *sums) != header[24:32]:
        return 0, {}
    found: dict[int, int] = {}
    pending: dict[int, int] = {}
    end = log.seek(0, os.SEEK_END)
    for at in range(_HEADER, end - _FRAME - size + 1, _FRAME + size):
        log.seek(at)
        frame = log.read(_FRAME + size)
        sums = _checksum(order, frame[:8] + frame[_FRAME:], sums)
        if frame[8:16] != salts or struct.pack(">II", *sums) != frame[16:24]:
            break
        number, committed = struct.unpack_from(">II", frame)
        pending[number] = at + _FRAME
        if committed:
            found |= pending
            pending.clear()
    return size, found


def _checksum(order: str, data: bytes, start: tuple[int, int]) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & _MASK
        second = (second + other + first) & _MASK
    return first, second
