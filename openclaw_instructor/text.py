"""Clean texts so that they can be stored, tokenized, and shown in a terminal without controlling it."""

from __future__ import annotations

import re
from typing import Any

# Control characters except tab and line feed, bidirectional marks that reorder a line, and lone surrogates.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# A byte of a file's name that is not UTF-8, as os.fsdecode gives it.
_BYTE = re.compile("[\udc80-\udcff]")


def clean(text: str) -> str:
    """Replace lone surrogates by `?`: they have no UTF-8 form, and tokenizers refuse them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def clean_all(value: Any) -> Any:
    """Clean every text of a JSON value, its keys too."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_all(key): clean_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_all(item) for item in value]
    return value


def printable(text: str) -> str:
    r"""Remove what would control a terminal or reorder a line: control characters, escape sequences, direction marks.

    Tabs and line feeds stay; a byte of a name that is not UTF-8 becomes an escape such as `\xff`.
    """
    return _STEERING.sub("", _BYTE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text))


def one_line(text: str) -> str:
    """Make a value from outside, such as a file's name, one printable line."""
    return printable(" ".join(text.split("\n")))


def escape_steering(json_text: str) -> str:
    """Write the characters that `printable` removes as JSON escapes; the value stays the same."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)
