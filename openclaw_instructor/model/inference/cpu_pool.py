"""Run batches on CPU threads: several at once on one core each, or one at a time on all cores.

Products that are divided among cores wait for one another after every operation. Whole batches do not: while one core
adds and normalises, another multiplies, every batch stays in its core's own cache, and a core that is busy elsewhere
delays only its own batch.

A batch too small for that takes all cores. OpenMP then divides its products among threads that belong to the thread
that asks. Once a process has more such threads than cores, they sleep between operations, and a query takes half as
long again, or twice as long. So threads that come and go hand such batches to one that stays.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

S = TypeVar("S")
T = TypeVar("T")

AHEAD = 3  # items per thread that are running or ready


class CpuPool:
    """Keeps `count` threads, each of which runs torch on `cores` cores."""

    def __init__(self, count: int, cores: int = 1) -> None:
        self.count, self.cores = count, cores
        ready = threading.Barrier(count + 1)

        def start() -> None:
            # A thread takes over the process's number at its first use, which must be before ours is set.
            torch.get_num_threads()
            torch.set_num_threads(cores)
            # Sharp attention gives denormal probabilities, with which arithmetic is many times slower.
            torch.set_flush_denormal(True)
            ready.wait()

        self._pool = ThreadPoolExecutor(count, thread_name_prefix="encoder", initializer=start)
        for _ in range(count):
            self._pool.submit(int)
        ready.wait()
        # The setting is per thread, but new threads start with the last one set, so restore the process's.
        torch.set_num_threads(count * cores)

    def map(self, work: Callable[[S], T], parts: Sequence[S]) -> list[T]:
        """Return one result for each part, in order."""
        return list(self._pool.map(work, parts))

    def run(self, work: Callable[[S], T], items: Iterable[S]) -> Iterator[T]:
        """Yield results in order.

        Items are made in the caller's thread, a few ahead of the work, so that no core waits for Python's lock to make
        its own. What has not begun is dropped when the caller stops iterating.
        """
        pending: deque[Future[T]] = deque()
        try:
            for item in items:
                pending.append(self._pool.submit(work, item))
                if len(pending) > AHEAD * self.count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
