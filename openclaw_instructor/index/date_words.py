"""Recognise a date in a query, and list the ways in which a text may write it."""

from __future__ import annotations

import datetime
import re

_MONTHS = (
    "january february march april may june july august september october november december",
    "jan feb mar apr may jun jul aug sep oct nov dec",
)
_NUMBER = {name: number for names in _MONTHS for number, name in enumerate(names.split(), 1)}
_MONTH = "|".join(sorted(_NUMBER, key=len, reverse=True))
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
# `3 May 2025`, `3rd of May, 2025`, `May 3, 2025`, `2025-05-03`.
DATE = re.compile(
    rf"(?<![\w.:/-])(?:(?P<day>{_DAY}) (?:of )?(?P<month>{_MONTH}),? (?P<year>\d{{4}})"
    rf"|(?P<us_month>{_MONTH}) (?P<us_day>{_DAY}),? (?P<us_year>\d{{4}})"
    r"|(?P<iso>\d{4}-\d\d-\d\d))(?![\w:/-])",
    re.IGNORECASE,
)


def date_of(match: re.Match[str]) -> datetime.date | None:
    """Return the date that DATE has matched; None for one that is in no calendar."""
    try:
        if match["iso"]:
            return datetime.date.fromisoformat(match["iso"])
        day, month, year = (match[name] or match[f"us_{name}"] for name in ("day", "month", "year"))
        return datetime.date(int(year), _NUMBER[month.lower()], int(re.sub(r"\D", "", day)))
    except ValueError:
        return None


def spellings(date: datetime.date) -> tuple[tuple[str, ...], ...]:
    """List the words of a date as texts write it: `3 may 2025`, `may 3rd 2025`, `2025 05 03`."""
    year, number = str(date.year), date.month - 1
    suffix = "th" if 10 < date.day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(date.day % 10, "th")
    days = dict.fromkeys((str(date.day), f"{date.day:02}", f"{date.day}{suffix}"))
    months = dict.fromkeys(names.split()[number] for names in _MONTHS)
    written = [order for day in days for month in months for order in ((day, month, year), (month, day, year))]
    return ((year, f"{date.month:02}", f"{date.day:02}"), *written)
