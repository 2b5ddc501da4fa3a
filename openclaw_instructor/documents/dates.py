"""Convert dates as files state them to ISO 8601."""

from __future__ import annotations

import datetime
import email.utils
import re

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:[.,]\d{1,9})?\s?(Z|[+-]\d{2}:?\d{2})?)?"
)
_PDF = re.compile(r"(?:D:)?(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?([+\-Z])?(\d{2})?'?(\d{2})?'?")
_WRITTEN = ("%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%Y/%m/%d", "%d.%m.%Y", "%Y-%m-%d", "%Y-%m", "%Y")


def iso_date(text: str) -> str:
    """Convert a date to ISO 8601, with its time if it has one; "" for anything that is not a date."""
    text = " ".join(text.split())[:60]
    if found := _ISO.match(text):
        return _checked(found[0].replace(" ", "T", 1).replace(",", ".").replace(" ", ""))
    for pattern in _WRITTEN:
        try:
            parsed = datetime.datetime.strptime(text, pattern).date()
        except ValueError:
            continue
        # A month or year alone is no date: the day is not guessed.
        return {"%Y-%m": text, "%Y": text}.get(pattern, parsed.isoformat())
    try:
        return email.utils.parsedate_to_datetime(text).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def pdf_date(text: str) -> str:
    """Convert a PDF date (ISO 32000-1, 7.9.4) to ISO 8601; "" for anything that is not a date."""
    found = _PDF.match(text.strip()[:40])
    if not found:
        return iso_date(text)
    year, month, day, hour, minute, second, sign, zone_hour, zone_minute = found.groups()
    date = f"{year}-{month or '01'}-{day or '01'}"
    if hour is None:
        return _checked(date)
    zone = "Z" if sign == "Z" else f"{sign}{zone_hour or '00'}:{zone_minute or '00'}" if sign else ""
    return _checked(f"{date}T{hour}:{minute or '00'}:{second or '00'}{zone}") or _checked(date)


def _checked(date: str) -> str:
    try:
        datetime.datetime.fromisoformat(date)
    except ValueError:
        return ""
    return date
