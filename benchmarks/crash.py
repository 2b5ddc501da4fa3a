"""Kill processes at random moments of their work on an index, and check each time what they leave behind.

    python benchmarks/crash.py [--kills 1000] [--seed 1]

The operations take turns: add, sync, watch, delete, consolidate (vectors into a graph), compact, migrate, verify,
import, export, backup, restore, repair.
In half of the rounds another process has the index open. After each kill SQLite's integrity check and `index verify`
find nothing, everything that was there or reported as done is found, and the next sync makes texts, vectors and full
text equal to those of an index made from nothing. The first failure ends the run. Embedding is by hashed words, so a
round takes about half a second.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.index.crashing import OPERATIONS, Crashes, Place


def main() -> None:
    """Run what the command line asks for, and print how many were killed of each operation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    started = time.monotonic()
    try:
        crashes = Crashes(Place(folder), random.Random(options.seed))
        operations = list(OPERATIONS)
        for number in range(options.kills):
            crashes.kill_one(operations[number % len(operations)])
            if (number + 1) % 100 == 0:
                print(f"{number + 1} kills, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'operation':12}{'killed':>8}{'before it was done':>20}")
    for operation in OPERATIONS:
        print(f"{operation:12}{crashes.kills[operation]:8}{crashes.in_the_middle[operation]:20}")
    print(f"{'all':12}{crashes.kills.total():8}{crashes.in_the_middle.total():20}")


if __name__ == "__main__":
    main()
