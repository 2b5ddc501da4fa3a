"""Bytes -> text: which encoding a file is in, and whether it is text at all."""

from __future__ import annotations

import codecs
import re

_LINE_END = re.compile(r"\r\n|\n|\r")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SNIFF_BYTES = 8_192


def lines_of(data: bytes) -> tuple[list[str], list[str]]:
    """(lines without their ends, notes on damaged or guessed encodings)."""
    text, notes = decode(data)
    return _LINE_END.split(text), notes


def binary(data: bytes) -> bool:
    """Whether this is no text: a NUL byte near the start and no byte order mark that would explain it."""
    return b"\0" in data[:_SNIFF_BYTES] and not any(data.startswith(bom) for bom, _ in _BOMS)


def decode(data: bytes) -> tuple[str, list[str]]:
    """Text and notes. UTF-8, or what a byte order mark says; else the more likely of damaged UTF-8 and Windows-1252.

    Bytes that the chosen encoding does not know become U+FFFD: a text is never refused for its encoding.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            text = data.decode(name, errors="replace")
            return text, ["some bytes are not valid " + name.removesuffix("-sig").upper()] if "�" in text else []
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        mended = data.decode("utf-8", errors="replace")
    damaged = mended.count("�")
    if sum(character > "\x7f" for character in mended) - damaged >= damaged:
        return mended, ["not valid UTF-8 throughout: damaged characters were replaced"]
    return data.decode("cp1252", errors="replace"), ["not UTF-8: read as Windows-1252"]
