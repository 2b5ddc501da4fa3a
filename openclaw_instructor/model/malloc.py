"""Freed memory that the C library keeps, given back to the system.

glibc keeps a heap for each thread, and torch's aligned blocks leave holes in them that the next ones rarely fit: after
loading a checkpoint of the base shape 40 MB, after a bulk run 200 MB.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Give it back where the C library can (glibc); takes some milliseconds, and what is used next comes anew."""
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    if sys.platform != "linux":
        return bool
    trim: Callable[[int], object] = getattr(ctypes.CDLL(None), "malloc_trim", bool)
    return trim
