"""Count the requests in flight, and how long ago the last one ended, in monotonic time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from openclaw_instructor.engine import CancelScope


class InFlight:
    """Counts requests and remembers their work. Used from the event loop only."""

    def __init__(self) -> None:
        self.count = 0
        self._last = time.monotonic()
        self._work: set[CancelScope] = set()
        self._long: set[CancelScope] = set()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request while it is answered."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
            self._last = time.monotonic()

    @contextmanager
    def work(self, scope: CancelScope, *, long: bool = False) -> Iterator[None]:
        """Register work in a thread; a shutdown does not wait for `long` work, such as indexing."""
        kinds = self._long if long else self._work
        kinds.add(scope)
        try:
            yield
        finally:
            kinds.discard(scope)

    @property
    def busy(self) -> bool:
        """Whether any thread still works."""
        return bool(self._work or self._long)

    def idle_seconds(self) -> float:
        """Return for how many seconds nothing has been in progress."""
        return 0.0 if self.count or self.busy else time.monotonic() - self._last

    def drop(self, *, everything: bool) -> None:
        """Cancel the long work, or all of it; what was committed stays."""
        for scope in [*self._long, *(self._work if everything else ())]:
            scope.cancel()
