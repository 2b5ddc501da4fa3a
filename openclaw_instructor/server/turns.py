"""Let callers take turns with large work, so that nobody's hundred slow mails hold up somebody else's one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from openclaw_instructor.errors import Busy


class Turns:
    """Admits one piece of work of each caller at a time, and `at_once` of all. Used from the event loop only.

    What waits keeps its request in memory, so a caller may have no more than `most` characters there, for `patience`
    seconds.
    """

    def __init__(self, at_once: int, patience: float, most: int = 200_000_000) -> None:
        self._patience = patience
        self._all = asyncio.Semaphore(at_once)
        self._most = most
        self._callers: dict[Hashable, _Caller] = {}

    @asynccontextmanager
    async def turn(self, caller: Hashable, size: int) -> AsyncIterator[None]:
        """Wait for the caller's turn. Raises Busy when too much of theirs waits, or when it takes too long."""
        known = self._callers.setdefault(caller, _Caller())
        if known.count and known.size + size > self._most:
            raise Busy(f"{known.count} large requests of yours wait already; send them one after the other", 2.0)
        known.count += 1
        known.size += size
        try:
            async with self._admitted(known.turn), self._admitted(self._all):
                yield
        finally:
            known.count -= 1
            known.size -= size
            if not known.count:
                self._callers.pop(caller, None)

    @asynccontextmanager
    async def _admitted(self, to: asyncio.Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                await to.acquire()
        except TimeoutError:
            raise Busy(
                f"this large request waited {self._patience:g} s for its turn; send fewer at once", 5.0
            ) from None
        try:
            yield
        finally:
            to.release()


class _Caller:
    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(1)
        self.count = 0
        self.size = 0
