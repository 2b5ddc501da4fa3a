"""A process may be killed at any moment; `benchmarks/crash.py` does this a thousand times."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from openclaw_instructor.index import embedding
from tests.index.crashing import OPERATIONS, PASSAGES_AT_ONCE, Crashes, Place


def test_a_killed_process_loses_nothing_that_it_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation is killed once when it is done, and once somewhere in the middle."""
    monkeypatch.setattr(embedding, "CHUNKS_PER_CALL", PASSAGES_AT_ONCE)
    crashes = Crashes(Place(tmp_path), random.Random(5))
    for operation in [*OPERATIONS] * 2:
        crashes.kill_one(operation)
    assert crashes.kills.total() == 2 * len(OPERATIONS)
    assert crashes.in_the_middle.total()
