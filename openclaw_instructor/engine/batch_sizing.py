"""How many tokens one pass may hold: cut by time, so that what comes next waits a bounded time, and memory stays small.

A pass of many thousand tokens is hardly faster per token on a CPU than one of a few thousand, but it holds hundreds of
megabytes of activations and makes everybody wait for its end.
"""

from __future__ import annotations

import time

from openclaw_instructor.engine.queue import Priority

QUIET = 30.0  # seconds without interactive requests after which bulk work takes long passes
SHORT_PASS = 0.02
LONG_PASS = 0.15
FIRST = 1_024  # tokens of a pass while the speed is not known
SMALLEST = 256  # tokens; below this a pass costs its fixed overhead, not its tokens
_SMOOTHING = 0.2


class Pace:
    """Follows the speed of the model in tokens per second and turns time into a token budget."""

    def __init__(self) -> None:
        self.tokens_per_second = 0.0
        self._last_interactive = float("-inf")

    def interactive(self) -> None:
        """Note that somebody is waiting for answers these days."""
        self._last_interactive = time.monotonic()

    @property
    def disturbed(self) -> bool:
        """Whether bulk work must expect to make somebody wait."""
        return time.monotonic() - self._last_interactive < QUIET

    def measured(self, tokens: int, seconds: float) -> None:
        """Take the speed of one pass into account; tiny passes say nothing about it."""
        if tokens < SMALLEST or seconds <= 0:
            return
        rate = tokens / seconds
        known = self.tokens_per_second
        self.tokens_per_second = known + _SMOOTHING * (rate - known) if known else rate

    def seconds(self, tokens: int) -> float:
        """What so many tokens will probably take; nothing while the speed is not known."""
        return tokens / self.tokens_per_second if self.tokens_per_second else 0.0

    def budget(self, priority: Priority, batch_tokens: int) -> int:
        """Tokens of the next pass, at most `batch_tokens`."""
        if not self.tokens_per_second:
            return min(batch_tokens, FIRST)
        seconds = SHORT_PASS if priority is Priority.BULK and self.disturbed else LONG_PASS
        return min(batch_tokens, max(SMALLEST, int(self.tokens_per_second * seconds)))
