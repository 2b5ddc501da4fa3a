"""Choose the size of a forward pass by time, so that the next request waits a bounded time and memory stays small.

On a CPU a pass of many thousand tokens is hardly faster per token than one of a few thousand, but its activations take
hundreds of megabytes, and all other requests wait for its end.
"""

from __future__ import annotations

import time

from openclaw_instructor.engine.queue import Priority

QUIET = 30.0  # seconds without interactive requests after which bulk work gets long passes
SHORT_PASS = 0.02  # seconds
LONG_PASS = 0.15  # seconds
FIRST = 1_024  # tokens of a pass before the speed is measured
SMALLEST = 256  # tokens; the time of smaller passes is mostly overhead
_SMOOTHING = 0.2


class BatchSizer:
    """Measures the speed of the model in tokens per second and turns time into a token budget."""

    def __init__(self) -> None:
        self.tokens_per_second = 0.0
        self._last_interactive = float("-inf")

    def note_interactive(self) -> None:
        """Record that an interactive request arrived."""
        self._last_interactive = time.monotonic()

    @property
    def expects_interactive(self) -> bool:
        """Whether an interactive request arrived lately, so that more are likely."""
        return time.monotonic() - self._last_interactive < QUIET

    def record(self, tokens: int, seconds: float) -> None:
        """Take the speed of one pass into account, unless it is tiny."""
        if tokens < SMALLEST or seconds <= 0:
            return
        rate = tokens / seconds
        known = self.tokens_per_second
        self.tokens_per_second = known + _SMOOTHING * (rate - known) if known else rate

    def seconds(self, tokens: int) -> float:
        """Estimate the seconds that this many tokens take; 0 before the speed is measured."""
        return tokens / self.tokens_per_second if self.tokens_per_second else 0.0

    def budget(self, priority: Priority, batch_tokens: int) -> int:
        """Choose the tokens of the next pass, at most `batch_tokens`."""
        if not self.tokens_per_second:
            return min(batch_tokens, FIRST)
        seconds = SHORT_PASS if priority is Priority.BULK and self.expects_interactive else LONG_PASS
        return min(batch_tokens, max(SMALLEST, int(self.tokens_per_second * seconds)))
