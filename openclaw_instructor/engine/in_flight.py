"""The passes under way: which are done, how much of the time each has taken, and when the next one may begin.

Where the model runs on processor cores, two may be under way at once: while one of them is ending, and some cores have
nothing left of it, the next one fills them, and texts are prepared and answered meanwhile.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openclaw_instructor.engine.batch_sizing import Pace
from openclaw_instructor.engine.queue import Priority, Request, Unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from openclaw_instructor.model.prompt import Prompt

_AHEAD = 0.35  # share of a pass that is left when the next one begins


@dataclass(eq=False)
class Pass:
    """Texts on their way through the model together. `seconds` is its share of the time that passes were under way,
    and `expected` what that was thought to become; `ended_at` is set by the thread that runs it."""

    units: list[Unit]
    budget: int
    prompts: dict[bytes, Prompt] = field(init=False)
    tokens: int = field(init=False)
    rows: Future[NDArray[np.float32]] = field(init=False)
    expected: float = 0.0
    seconds: float = 0.0
    ended_at: float = 0.0

    def __post_init__(self) -> None:
        self.prompts = {unit.key: unit.prompt for unit in self.units}
        self.tokens = sum(len(prompt.ids) for prompt in self.prompts.values())

    @property
    def priority(self) -> Priority:
        return self.units[0].request.priority

    @property
    def requests(self) -> list[Request]:
        return list({id(unit.request): unit.request for unit in self.units}.values())


class UnderWay:
    """The passes that have begun and not been ended; at most `at_once`, and one more that is in a hurry."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._passes: list[Pass] = []
        self._looked_at = 0.0
        self._free_at = 0.0
        self._first = True
        self.at_once = 1

    def __bool__(self) -> bool:
        return bool(self._passes)

    @property
    def yields(self) -> bool:
        """Whether an interactive pass may begin beside those under way, because they are all bulk work."""
        return self.at_once > 1 and all(each.priority is Priority.BULK for each in self._passes)

    def begin(self, each: Pass) -> None:
        now = time.monotonic()
        self._look(now)
        each.expected = self._pace.seconds(each.tokens)
        self._free_at = (max(now, self._free_at) if self._passes else now) + each.expected
        self._passes.append(each)

    def end(self, each: Pass) -> None:
        self._look(each.ended_at)
        self._passes.remove(each)
        # What was thought of the pass that ended was wrong by a little, and that would add up over a busy hour.
        self._free_at = each.ended_at + sum(other.expected for other in self._passes)
        self._first = False

    def done(self) -> list[Pass]:
        """Those that the model has read, in that order; they are still to be ended."""
        return sorted((each for each in self._passes if each.ended_at), key=lambda each: each.ended_at)

    def wait(self) -> None:
        """Until the model has read them all."""
        for each in self._passes:
            each.rows.exception()

    def delay(self, priority: Priority | None) -> float:
        """Seconds until a pass may begin; without end, when one under way has to end first.

        The later it begins, the more it can take: callers that were answered together ask again one by one.
        """
        if not self._passes:
            return 0.0
        # The first pass is alone: what the model makes on first use is not made for two.
        if self._first:
            return math.inf
        if priority is Priority.INTERACTIVE and self.yields:
            return 0.0
        if len(self._passes) >= self.at_once or (priority is Priority.BULK and self._pace.disturbed):
            return math.inf
        return self._free_at - _AHEAD * self._passes[-1].expected - time.monotonic()

    def _look(self, now: float) -> None:
        """Share the time since the last look among the passes under way."""
        for each in self._passes:
            each.seconds += max(0.0, now - self._looked_at) / len(self._passes)
        self._looked_at = now
