"""Do the same long work once for all who ask for it while it waits for its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class _Run:
    """Work that waits or is done; `asked` counts those who want its result."""

    task: asyncio.Task[Any] = field(init=False)
    asked: int = 0


class SharedWork:
    """Starts work of one key one after the other. Used from the event loop only.

    Who asks while a run is under way gets the next one, together with all who ask until that begins: what has changed
    before they asked is then in it.
    """

    def __init__(self) -> None:
        self._turns: dict[Hashable, asyncio.Lock] = {}
        self._waiting: dict[Hashable, _Run] = {}

    async def result(self, key: Hashable, work: Callable[[], Awaitable[Any]]) -> Any:
        """Return the result of a run of `work` that has not begun yet; the last one who leaves cancels it."""
        run = self._waiting.get(key)
        if run is None:
            run = self._waiting[key] = _Run()
            run.task = asyncio.ensure_future(self._in_turn(key, run, work))
        run.asked += 1
        try:
            return await asyncio.shield(run.task)
        finally:
            run.asked -= 1
            if not run.asked:
                run.task.cancel()

    async def _in_turn(self, key: Hashable, run: _Run, work: Callable[[], Awaitable[Any]]) -> Any:
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                if self._waiting.get(key) is run:
                    del self._waiting[key]
                return await work()
        finally:
            if self._waiting.get(key) is run:
                del self._waiting[key]
            if not turn.locked() and key not in self._waiting:
                self._turns.pop(key, None)
