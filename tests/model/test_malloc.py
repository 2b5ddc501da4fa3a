from __future__ import annotations

import ctypes
import os
import sys

import pytest

from openclaw_instructor.model.malloc import release_free_memory
from tests.resident import resident_megabytes

BLOCK = 100_000  # bytes; glibc takes larger ones from the system each, and gives them back when they are freed


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc's heaps"
)
def test_holes_below_what_is_in_use_go_back_to_the_system() -> None:
    blocks = [bytearray(BLOCK) for _ in range(1_000)]
    in_use = blocks[::100]
    full = resident_megabytes(os.getpid())
    del blocks
    release_free_memory()
    assert resident_megabytes(os.getpid()) < full - 50
    assert len(in_use) == 10


def test_any_system_can_be_asked() -> None:
    release_free_memory()
