"""Keep the C library from holding on to freed memory. Without glibc these functions do nothing.

glibc keeps a heap for each thread, and torch's aligned blocks leave holes in them that the next ones rarely fit: 40 MB
after loading a checkpoint of the base shape, 200 MB after a bulk run.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache

ARENAS = 2
M_ARENA_MAX = -8  # of <malloc.h>


def release_free_memory() -> None:
    """Return freed pages to the system; this takes milliseconds and slows down the next allocations."""
    _malloc_trim()(0)


def limit_arenas() -> None:
    """Let the threads that start from now on share their heaps, unless `MALLOC_ARENA_MAX` says otherwise."""
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_ARENA_MAX, ARENAS)


@cache
def _malloc_trim() -> Callable[[int], object]:
    if sys.platform != "linux":
        return bool
    trim: Callable[[int], object] = getattr(ctypes.CDLL(None), "malloc_trim", bool)
    return trim
