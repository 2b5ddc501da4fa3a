"""The time zone of whoever asks: a daemon may run in another one than the caller's.

A caller in another process sends the name of its zone in a header; here it holds for the work of that one request.
"""

from __future__ import annotations

import datetime
import os
import re
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

HEADER = "X-Timezone"

_LINK = Path("/etc/localtime")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")
_callers: ContextVar[datetime.tzinfo | None] = ContextVar("zone of the caller", default=None)


def local_name() -> str:
    """Name the zone of this process: `Asia/Tokyo` where that is known, else the distance from UTC now, `+09:00`."""
    for name in (os.environ.get("TZ", "").lstrip(":"), _linked()):
        if name and _zone(name) is not None:
            return name
        if name:
            break
    offset = datetime.datetime.now().astimezone().strftime("%z")
    return f"{offset[:3]}:{offset[3:5]}"


@contextmanager
def of_caller(name: str | None) -> Iterator[None]:
    """Count days in the zone of this name within the block; an unknown one, and None, leave this process's own."""
    token = _callers.set(_zone(name) if name else None)
    try:
        yield
    finally:
        _callers.reset(token)


def now() -> datetime.datetime:
    """Return this moment on the caller's clock."""
    return datetime.datetime.now(datetime.UTC).astimezone(_callers.get())


def timestamp(moment: datetime.datetime) -> float:
    """Return the POSIX time of a moment, which is on the caller's clock if it names no zone.

    Raises OverflowError, OSError or ValueError for years that the platform does not know.
    """
    zone = _callers.get()
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None and zone else moment).timestamp()


def _linked() -> str:
    try:
        target = str(_LINK.readlink())
    except OSError:
        return ""
    return target.rpartition("zoneinfo/")[2]


def _zone(name: str) -> datetime.tzinfo | None:
    if found := _OFFSET.fullmatch(name):
        sign, hours, minutes = found.groups()
        distance = datetime.timedelta(hours=int(hours), minutes=int(minutes))
        if distance >= datetime.timedelta(days=1):
            return None
        return datetime.timezone(-distance if sign == "-" else distance)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
