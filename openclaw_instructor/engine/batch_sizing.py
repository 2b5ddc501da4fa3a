"""Choose the size of a forward pass by time, so that the next request waits a bounded time and memory stays small.

On a CPU a pass of many thousand tokens is hardly faster per token than one of a few thousand, but its activations take
hundreds of megabytes, and all other requests wait for its end.
"""

from __future__ import annotations

import time

from openclaw_instructor.engine.queue import Priority

QUIET = 30.0  # seconds without more urgent requests after which other work gets long passes
SHORT_PASS = 0.02  # seconds
LONG_PASS = 0.15  # seconds
FIRST = 1_024  # tokens of a pass before the speed is measured
SMALLEST = 256  # tokens; the time of smaller passes is mostly overhead
_SMOOTHING = 0.2


class BatchSizer:
    """Measures the speed of the model in tokens per second and turns time into a token budget."""

    def __init__(self) -> None:
        self.tokens_per_second = 0.0
        self._last = dict.fromkeys(Priority, float("-inf"))

    def note(self, priority: Priority) -> None:
        """Record that a request of this priority arrived."""
        self._last[priority] = time.monotonic()

    def expects_before(self, priority: Priority) -> bool:
        """Whether a more urgent request than of this priority arrived lately, so that more are likely."""
        since = time.monotonic() - QUIET
        return any(last > since for urgent, last in self._last.items() if urgent < priority)

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
        seconds = SHORT_PASS if self.expects_before(priority) else LONG_PASS
        return min(batch_tokens, max(SMALLEST, int(self.tokens_per_second * seconds)))
