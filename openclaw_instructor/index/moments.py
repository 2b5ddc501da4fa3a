"""Dates as people and agents write them in a filter -> POSIX times."""

from __future__ import annotations

import datetime
import re

from openclaw_instructor import timezone
from openclaw_instructor.errors import InvalidArguments

_AGO = re.compile(r"(\d{1,5})\s*(min|h|d|w|m|y)(?:ago)?")
_UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MONTHS = {"m": 1, "y": 12}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_MONTH_OR_YEAR = re.compile(r"(\d{4})(?:-(\d{2}))?")
_DAYS = {"today": 0, "yesterday": 1}
FORMS = "2026-01-31, 2026-01-31T14:30, 2026-01, 7d, 12h, today, yesterday or `yesterday 14:30`"


def parse(name: str, value: str) -> float:
    """Read the argument `name`: a day, month or year is its first moment, and `7d` is seven days ago.

    All of it is on the caller's clock. Raises InvalidArguments.
    """
    try:
        moment = _moment(value.strip().lower())
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise InvalidArguments(f"{name}: {value[:60]!r} is no date; write it like {FORMS}")
    try:
        return timezone.timestamp(moment)
    except (OverflowError, OSError, ValueError):
        raise InvalidArguments(f"{name}: {value[:60]!r} is out of range; use a year from 1970 on") from None


def stated(value: str) -> tuple[float, float] | None:
    """Return the first moment of a date that a document states, and the one after its last; None for no date."""
    try:
        if found := _MONTH_OR_YEAR.fullmatch(value):
            first = datetime.datetime(int(found[1]), int(found[2] or 1), 1)
            return timezone.timestamp(first), timezone.timestamp(_months_before(first, -1 if found[2] else -12))
        moment = datetime.datetime.fromisoformat(value)
        start = timezone.timestamp(moment)
        day_only = len(value) <= len("2026-01-31")
        return start, timezone.timestamp(moment + datetime.timedelta(days=1)) if day_only else start
    except (ValueError, OverflowError, OSError):
        return None


def _moment(text: str) -> datetime.datetime | None:
    now = timezone.now()
    if found := _AGO.fullmatch(text.replace(" ago", "ago").strip()):
        count, unit = int(found[1]), found[2]
        if unit in _MONTHS:
            return _months_before(now, count * _MONTHS[unit])
        return now - datetime.timedelta(**{_UNITS[unit]: count})
    if text == "now":
        return now
    day, _, clock = text.partition(" ")
    if _CLOCK.fullmatch(day) and not clock:
        day, clock = "today", day
    if day in _DAYS:
        date = now.date() - datetime.timedelta(days=_DAYS[day])
    elif found := _MONTH_OR_YEAR.fullmatch(text):
        return datetime.datetime(int(found[1]), int(found[2] or 1), 1)
    elif not clock:
        return datetime.datetime.fromisoformat(text.upper())
    else:
        date = datetime.date.fromisoformat(day)
    if not clock:
        return datetime.datetime.combine(date, datetime.time())
    if found := _CLOCK.fullmatch(clock.strip()):
        return datetime.datetime.combine(date, datetime.time(int(found[1]), int(found[2]), int(found[3] or 0)))
    return datetime.datetime.fromisoformat(text.upper())


def _months_before(moment: datetime.datetime, months: int) -> datetime.datetime:
    """Return the same day so many months earlier, or that month's last one."""
    number = moment.year * 12 + moment.month - 1 - months
    first = moment.replace(year=number // 12, month=number % 12 + 1, day=1)
    following = first.replace(year=(number + 1) // 12, month=(number + 1) % 12 + 1)
    last = (following.replace(tzinfo=None) - first.replace(tzinfo=None)).days
    return first.replace(day=min(moment.day, last))
