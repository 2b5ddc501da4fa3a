"""Track the passes in flight: which are done, how long each took, and when the next one may start.

On a CPU two passes may be in flight at once: the next one uses the cores that have finished their part of the first,
while texts are tokenized and requests answered.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openclaw_instructor.engine.batch_sizing import BatchSizer
from openclaw_instructor.engine.embedders.protocol import Rendered
from openclaw_instructor.engine.queue import Priority, Request, Unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OVERLAP = 0.35  # share of a pass that is left when the next one starts


@dataclass(eq=False)
class Pass:
    """Texts that go through the model together.

    `seconds` is its share of the time that passes were in flight, and `expected` the estimate of it; `ended_at` is set
    by the thread that runs it.
    """

    units: list[Unit]
    budget: int
    prompts: dict[bytes, Rendered] = field(init=False)
    tokens: int = field(init=False)
    rows: Future[NDArray[np.float32]] = field(init=False)
    expected: float = 0.0
    seconds: float = 0.0
    ended_at: float = 0.0

    def __post_init__(self) -> None:
        self.prompts = {unit.key: unit.prompt for unit in self.units}
        self.tokens = sum(prompt.tokens for prompt in self.prompts.values())

    @property
    def priority(self) -> Priority:
        """The priority of the first request."""
        return self.units[0].request.priority

    @property
    def requests(self) -> list[Request]:
        """The requests that have texts in this pass, each once."""
        return list({id(unit.request): unit.request for unit in self.units}.values())


class PassesInFlight:
    """The passes that were started and not yet ended; at most `limit`, and one more that is more urgent than all."""

    def __init__(self, sizer: BatchSizer) -> None:
        self._sizer = sizer
        self._passes: list[Pass] = []
        self._counted_until = 0.0
        self._free_at = 0.0
        self._first = True
        self.limit = 1

    def __bool__(self) -> bool:
        return bool(self._passes)

    def all_after(self, priority: Priority) -> bool:
        """Whether a pass of this priority may start beside those in flight, because they are all less urgent."""
        if self.limit == 1 or priority is Priority.BULK:
            return False
        return all(each.priority > priority for each in self._passes)

    def start(self, each: Pass) -> None:
        """Add a pass that starts now."""
        now = time.monotonic()
        self._count(now)
        each.expected = self._sizer.seconds(each.tokens)
        self._free_at = (max(now, self._free_at) if self._passes else now) + each.expected
        self._passes.append(each)

    def end(self, each: Pass) -> None:
        """Remove a pass that the model has finished."""
        self._count(each.ended_at)
        self._passes.remove(each)
        # The sum of all estimates would drift away from the measured end over a busy hour.
        self._free_at = each.ended_at + sum(other.expected for other in self._passes)
        self._first = False

    def done(self) -> list[Pass]:
        """Return the passes that the model has finished, in that order; they are still to be ended."""
        return sorted((each for each in self._passes if each.ended_at), key=lambda each: each.ended_at)

    def wait(self) -> None:
        """Wait until the model has finished them all."""
        for each in self._passes:
            each.rows.exception()

    def delay(self, priority: Priority | None) -> float:
        """Return the seconds until a pass may start; infinite when one in flight has to end first.

        A later start collects more requests, because callers that were answered together ask again one by one.
        """
        if not self._passes:
            return 0.0
        # The first pass runs alone, so that kernels prepared on first use are not prepared twice.
        if self._first:
            return math.inf
        if priority is not None and self.all_after(priority):
            return 0.0
        if len(self._passes) >= self.limit or (priority is Priority.BULK and self._sizer.expects_before(priority)):
            return math.inf
        return self._free_at - _OVERLAP * self._passes[-1].expected - time.monotonic()

    def _count(self, now: float) -> None:
        """Divide the time since the last count among the passes in flight."""
        for each in self._passes:
            each.seconds += max(0.0, now - self._counted_until) / len(self._passes)
        self._counted_until = now
