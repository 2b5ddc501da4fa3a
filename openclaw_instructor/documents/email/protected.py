"""Read signed and encrypted messages: PGP armour in the text, and the content of signed S/MIME."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ARMOUR = re.compile(r"-{5}(BEGIN|END) PGP ([A-Z ]{3,40}?)(?:, PART [\d/]{1,20})?-{5}\s*$")
_DATA = "1.2.840.113549.1.7."
_SIGNED, _DEEPEST, _MOST_ELEMENTS = "2", 10, 100_000


@dataclass
class Armoured:
    """Text without its PGP armour, and whether it was signed or encrypted."""

    text: str
    signed: bool = False
    encrypted: bool = False


def without_armour(text: str) -> Armoured:
    """Remove PGP armour (RFC 9580, section 7): signed text stays, keys and encrypted text are removed."""
    if "-----BEGIN PGP " not in text:
        return Armoured(text)
    kept: list[str] = []
    result = Armoured("")
    within = ""
    in_headers = False
    for line in text.split("\n"):
        found = _ARMOUR.match(line.strip()) if line.lstrip().startswith("-----") else None
        if found:
            within = found[2] if found[1] == "BEGIN" else ""
            in_headers = within == "SIGNED MESSAGE"
            result.signed |= in_headers
            result.encrypted |= within == "MESSAGE"
        elif within == "SIGNED MESSAGE" and in_headers:
            in_headers = bool(line.strip())
        elif within in ("", "SIGNED MESSAGE"):
            kept.append(line.removeprefix("- ") if within else line)
    result.text = "\n".join(kept)
    return result


def signed_content(data: bytes) -> bytes | None:
    """Extract the content of an S/MIME message (CMS SignedData, BER or DER).

    None if it is encrypted or cannot be read. The signature is not verified.
    """
    try:
        outer = _children(data, *_header(data, 0)[1:3])
        if not outer or _object_id(data, outer[0]) != _DATA + _SIGNED:
            return None
        signed = _children(data, *outer[1][1:3])[0]
        for field in _children(data, *signed[1:3]):
            parts = _children(data, *field[1:3]) if field[0] == 0x30 else []
            if len(parts) == 2 and parts[0][0] == 0x06 and parts[1][0] == 0xA0:
                return b"".join(_octets(data, part, 0) for part in _children(data, *parts[1][1:3]))
    except (IndexError, ValueError):
        return None
    return None


def _header(data: bytes, at: int) -> tuple[int, int, int, int]:
    """Return tag, start and end of the content, and where the next element begins."""
    tag, length = data[at], data[at + 1]
    begin = at + 2
    if length == 0x80:
        end = _indefinite_end(data, begin)
        return tag, begin, end, end + 2
    if length > 0x80:
        count = length & 0x7F
        if count > 8:
            raise ValueError("a length of more than 8 bytes")
        length = int.from_bytes(data[begin : begin + count], "big")
        begin += count
    if begin + length > len(data):
        raise ValueError("an element longer than the message")
    return tag, begin, begin + length, begin + length


def _indefinite_end(data: bytes, at: int, depth: int = 0) -> int:
    if depth > _DEEPEST:
        raise ValueError("elements nested too deeply")
    for _ in range(_MOST_ELEMENTS):
        if data[at : at + 2] == b"\0\0":
            return at
        open_ended = data[at + 1] == 0x80
        at = _indefinite_end(data, at + 2, depth + 1) + 2 if open_ended else _header(data, at)[3]
    raise ValueError("more elements than a message has")


def _children(data: bytes, begin: int, end: int) -> list[tuple[int, int, int, int]]:
    found: list[tuple[int, int, int, int]] = []
    while begin < end:
        if len(found) >= _MOST_ELEMENTS:
            raise ValueError("more elements than a message has")
        element = _header(data, begin)
        found.append(element)
        begin = element[3]
    return found


def _octets(data: bytes, element: tuple[int, int, int, int], depth: int) -> bytes:
    tag, begin, end, _ = element
    if tag & 0x20 and depth < _DEEPEST:
        return b"".join(_octets(data, child, depth + 1) for child in _children(data, begin, end))
    return data[begin:end] if tag & 0x1F == 0x04 else b""


def _object_id(data: bytes, element: tuple[int, int, int, int]) -> str:
    tag, begin, end, _ = element
    if tag != 0x06 or not begin < end <= begin + 40:
        return ""
    numbers = [data[begin] // 40, data[begin] % 40]
    number = 0
    for byte in data[begin + 1 : end]:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    return ".".join(map(str, numbers))
