from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from openclaw_instructor.model.memory import give_back

BLOCK = 100_000  # bytes; glibc takes larger ones from the system each, and gives them back when they are freed


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return 4096 * pages


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc's heaps"
)
def test_holes_below_what_is_in_use_go_back_to_the_system() -> None:
    blocks = [bytearray(BLOCK) for _ in range(1_000)]
    in_use = blocks[::100]
    full = resident()
    del blocks
    give_back()
    assert resident() < full - 50_000_000
    assert len(in_use) == 10


def test_giving_back_does_no_harm_twice() -> None:
    give_back()
    give_back()
