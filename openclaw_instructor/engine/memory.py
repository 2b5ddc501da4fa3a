"""What glibc's allocator keeps of the memory that was freed. Other platforms give it back by themselves."""

from __future__ import annotations

import ctypes
import os
import sys

_ARENAS = 2
_M_ARENA_MAX = -8  # of <malloc.h>


def few_arenas() -> None:
    """Let the threads that start from now on share their pools of memory: each would keep freed memory of its own."""
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        choose = getattr(ctypes.CDLL(None), "mallopt", None)
        if choose is not None:
            choose(_M_ARENA_MAX, _ARENAS)


def return_memory() -> None:
    """Ask for freed pages to be given back to the system."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
