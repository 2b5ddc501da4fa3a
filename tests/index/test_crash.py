"""A process may be killed at any moment; `benchmarks/crash.py` does this a thousand times."""

from __future__ import annotations

import random
from pathlib import Path

from tests.index.crashing import OPERATIONS, Crashes, Place

KILLS = 20


def test_a_killed_process_loses_nothing_that_it_reported(tmp_path: Path) -> None:
    crashes = Crashes(Place(tmp_path), random.Random(5))
    operations = [*OPERATIONS] * 2
    for operation in operations[:KILLS]:
        crashes.kill_one(operation)
    assert crashes.kills.total() == KILLS
    assert crashes.in_the_middle.total()
