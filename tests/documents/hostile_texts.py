"""Texts that repeat something without end; run by `python -m tests.documents.hostile_texts`.

Each is read and cut into chunks in twelve times its size and 100 MB of memory, and a file of four times the size takes
no more than sixteen times the processor time; a text that needs more ends the run.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import PurePath

from openclaw_instructor.documents.chunking import MAX_CHUNKS, Chunker
from openclaw_instructor.documents.formats import format_of
from tests.documents.email.hostile import available

SMALL, LARGE = 250_000, 1_000_000
FACTOR = 16
# Below this many seconds of processor time for the large one nothing need be compared.
UNSUSPICIOUS = 2.0
CASES = [
    ("a.md", "```\n"), ("a.md", "# h\n\nx\n\n"), ("a.txt", "a.\n\n"), ("a.org", "|a|b|\n"), ("a.adoc", "<<"),
    ("a.csv", "a\n"),
]  # fmt: skip


def count(texts: Sequence[str]) -> list[int]:
    return [len(text) // 4 + 1 for text in texts]


def cost(name: str, unit: str, size: int) -> float:
    """Seconds of processor time for a text of `size` bytes."""
    path = PurePath(name)
    known = format_of(path)
    assert known
    data = (unit * (size // len(unit))).encode()
    begun = time.process_time()
    chunks = Chunker(count, 500, "space").chunks(known.read(data, path))
    for _ in islice(chunks, MAX_CHUNKS + 1):
        pass
    return time.process_time() - begun


def main() -> None:
    for name, unit in CASES:
        cost(name, unit, 10_000)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    for name, unit in CASES:
        small = cost(name, unit, SMALL)
        resource.setrlimit(resource.RLIMIT_AS, (available() + 12 * LARGE + 100_000_000, hard))
        try:
            large = cost(name, unit, LARGE)
        except MemoryError:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
            sys.exit(f"{name} of {unit!r}: more memory than 12 times its size and 100 MB")
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        if large > max(UNSUSPICIOUS, FACTOR * small):
            sys.exit(f"{name} of {unit!r}: {small:.2f} s for {SMALL} bytes and {large:.2f} s for {LARGE}")
        print(name, repr(unit), f"{large:.2f}", flush=True)


if __name__ == "__main__":
    main()
