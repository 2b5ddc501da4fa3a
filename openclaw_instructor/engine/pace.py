"""How many tokens a slice of bulk work may hold, so that an interactive request behind it waits a bounded time."""

from __future__ import annotations

import time

QUIET = 30.0  # seconds without interactive requests after which bulk work may take long slices
SHORT_SLICE = 0.02
LONG_SLICE = 0.5
SMALLEST = 256  # tokens; below this a pass costs its fixed overhead, not its tokens
_SMOOTHING = 0.2


class Pace:
    """Follows the speed of the model in tokens per second and cuts bulk slices by time, not by a fixed size."""

    def __init__(self) -> None:
        self.tokens_per_second = 0.0
        self._last_interactive = float("-inf")

    def interactive(self) -> None:
        """Note that somebody is waiting for answers these days."""
        self._last_interactive = time.monotonic()

    def measured(self, tokens: int, seconds: float) -> None:
        """Take the speed of one pass into account; tiny passes say nothing about it."""
        if tokens < SMALLEST or seconds <= 0:
            return
        rate = tokens / seconds
        known = self.tokens_per_second
        self.tokens_per_second = known + _SMOOTHING * (rate - known) if known else rate

    def bulk_budget(self, batch_tokens: int) -> int:
        """Tokens of the next slice of bulk work, at most `batch_tokens`."""
        if not self.tokens_per_second:
            return min(batch_tokens, 4 * SMALLEST)
        quiet = time.monotonic() - self._last_interactive > QUIET
        seconds = LONG_SLICE if quiet else SHORT_SLICE
        return min(batch_tokens, max(SMALLEST, int(self.tokens_per_second * seconds)))
