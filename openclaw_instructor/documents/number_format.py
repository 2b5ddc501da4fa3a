"""Format numbers as a spreadsheet shows them, by format code (ECMA-376 part 1, 18.8.30 and 18.8.31).

Decimals, percent signs, currencies, leading zeros and scaling are those of the format. Dates are written as ISO 8601
and thousands are not set apart, so that a search does not depend on the country where a file was made.
"""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass
from functools import lru_cache

GENERAL = "General"
# Built-in codes, which files refer to by number.
BUILT_IN = {
    0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm", 19: "h:mm:ss", 20: "h:mm",
    21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00", 41: "#,##0",
    42: "#,##0", 43: "#,##0.00", 44: "#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss", 48: "0.0E+0", 49: "@",
    **dict.fromkeys((27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((32, 33, 34, 35, 55, 56), "h:mm:ss"),
}  # fmt: skip

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|\[\$(?P<currency>[^\[\]-]*+)[^\[\]]*\]|\[(?P<elapsed>[hms]+)\]|\[[^\[\]]*\]'
    r"|_.|\*.|(?P<exponent>E[+-]0+)|(?P<fraction>[?#0]+/[?#0\d]+)|(?P<digits>[0#?][0#?,]*)|\.(?P<decimals>[0#?]+)"
    r"|(?P<scale>,+)|(?P<date>AM/PM|A/P|[ymdhsge]+)|(?P<percent>%)|(?P<literal>.)",
    re.IGNORECASE | re.DOTALL,
)
_GENERAL = re.compile("general|standard", re.IGNORECASE)
_NUMERIC = ("digits", "decimals", "fraction", "exponent", "scale")
_DATES = ("date", "elapsed")
_LITERALS = ("quoted", "escaped", "currency", "literal")
_SECTION = re.compile(r'((?:"[^"]*"?|\\.|[^;"\\])*)(;|$)', re.DOTALL)
_MAX_DECIMALS = 15
_MAX_DIGITS = 30
# The last day of the year 9999, counted from either epoch.
_LAST_DAY = 2_957_003


@dataclass(frozen=True)
class _Section:
    """One section of a format code: a date, or a number between two texts, its digits perhaps in groups."""

    date: str = ""
    is_general: bool = False
    prefix: str = ""
    suffix: str = ""
    # Groups of places for digits, and what stands between them.
    places: tuple[str, ...] = ()
    decimals: str = ""
    percent: bool = False
    exponent: bool = False
    scale: int = 0


def shown(value: float, code: str, is_1904: bool = False) -> str:
    """Format a number as text. Days are counted from the end of 1899, or from 1904."""
    if not math.isfinite(value):
        return ""
    sections = _sections(code)
    section = sections[0]
    if value < 0 and len(sections) > 1:
        section = sections[1]
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    if section.date:
        return _date(value, section.date, is_1904) or plain(value)
    sign = "-" if value < 0 else ""
    text = plain(abs(value)) if section.is_general else _digits(abs(value), section)
    if not text.strip("0.E+%"):
        sign = ""
    return f"{sign}{section.prefix}{text}{section.suffix}".strip()


def plain(value: float) -> str:
    """Format a number without a format code, to its significant digits."""
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    return f"{value:.10g}"


@lru_cache(maxsize=4096)
def _sections(code: str) -> list[_Section]:
    texts = []
    for found in _SECTION.finditer(code or GENERAL):
        texts.append(found[1])
        if not found[2]:
            break
    return [_parsed(text, is_negative=index == 1) for index, text in enumerate(texts[:3])]


def _parsed(section: str, is_negative: bool) -> _Section:
    if section.strip() == "@":
        return _Section(is_general=True)
    parts: list[tuple[str, str]] = []
    for found in _TOKEN.finditer(_GENERAL.sub("#", section)):
        kind = found.lastgroup or ""
        parts.append((kind, found[kind] if kind else ""))
    kinds = [kind for kind, _ in parts]
    if not {"digits", "fraction"}.intersection(kinds) and {"date", "elapsed"}.intersection(kinds):
        return _Section(date="".join("[]" * (kind == "elapsed") + text for kind, text in parts if kind in _DATES))
    numeric = [index for index, kind in enumerate(kinds) if kind in _NUMERIC]
    first, last = (numeric[0], numeric[-1]) if numeric else (len(parts), len(parts))
    # In a section for negative numbers, brackets or a minus sign replace the sign.
    dropped = str.maketrans("", "", "()-" if is_negative else "")
    literals = [text.translate(dropped) if kind in _LITERALS else "%" * (kind == "percent") for kind, text in parts]
    places = [(kind, text) for kind, text in parts[first : last + 1] if kind == "digits" or kind in _LITERALS]
    while places and places[-1][0] != "digits":
        places.pop()
    return _Section(
        is_general="fraction" in kinds or bool(_GENERAL.search(section)),
        prefix="".join(literals[:first]),
        suffix="".join(literals[last + 1 :]),
        places=tuple(text.replace(",", "") if kind == "digits" else f'"{text}' for kind, text in places),
        decimals=next((text for kind, text in parts if kind == "decimals"), "")[:_MAX_DECIMALS],
        percent="percent" in kinds,
        exponent="exponent" in kinds,
        scale=sum(len(text) - len(text.rstrip(",")) for kind, text in parts if kind in ("digits", "scale")),
    )


def _digits(value: float, section: _Section) -> str:
    """Format a non-negative number's digits; none where the format has no places for them."""
    if not section.places and not section.decimals:
        return ""
    value = value * (100 if section.percent else 1) / 1000**section.scale
    if section.exponent:
        return f"{value:.{len(section.decimals)}E}"
    whole, _, part = f"{value:.{len(section.decimals)}f}".partition(".")
    least = section.decimals.count("0")
    while len(part) > least and part.endswith("0"):
        part = part[:-1]
    required = sum(place.count("0") for place in section.places if place[:1] != '"')
    whole = whole.lstrip("0").zfill(min(required, _MAX_DIGITS)) if required else whole.lstrip("0")
    whole = _placed(whole, section.places)
    return f"{whole or '0'}.{part}" if part else whole


def _placed(digits: str, places: tuple[str, ...]) -> str:
    """Put digits into their places from the right, as in telephone numbers; extra digits come first."""
    pieces: list[str] = []
    for place in reversed(places):
        if place[:1] == '"':
            pieces.append(place[1:])
        else:
            pieces.append(digits[-len(place) :])
            digits = digits[: -len(place)]
    return digits + "".join(reversed(pieces))


def _date(value: float, letters: str, is_1904: bool) -> str:
    letters = letters.lower().replace("am/pm", "").replace("a/p", "")
    if abs(value) > _LAST_DAY:
        return ""
    has_seconds = "s" in letters
    seconds = round(value * 86_400) if has_seconds else round(value * 1_440) * 60
    if "[]" in letters:
        sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
        text = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}"
        return f"{text}:{seconds % 60:02}" if has_seconds else text
    # Spreadsheets take 1900 for a leap year, which it was not.
    epoch = datetime.datetime(1904, 1, 1) if is_1904 else datetime.datetime(1899, 12, 30 if value >= 60 else 31)
    if seconds < 0:
        return ""
    moment = epoch + datetime.timedelta(seconds=seconds)
    # An m is a month beside days and years, and minutes beside hours and seconds.
    has_time = has_seconds or "h" in letters
    time = f"{moment:%H:%M:%S}" if has_seconds else f"{moment:%H:%M}"
    if has_time and not set(letters) & set("ydge"):
        return time
    return f"{moment:%Y-%m-%d} {time}" if has_time else f"{moment:%Y-%m-%d}"
