"""Long work that several ask for at once is done once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from openclaw_instructor.server.shared_work import SharedWork


class Runs:
    """Work that counts its runs, each of which waits until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


def run(scene: Callable[[SharedWork, Runs], Awaitable[None]]) -> None:
    async def main() -> None:
        await scene(SharedWork(), Runs())

    asyncio.run(main())


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_who_asks_during_a_run_gets_the_next_one_together() -> None:
    """What was changed after a run began may not be in it."""

    async def scene(shared: SharedWork, runs: Runs) -> None:
        first = asyncio.create_task(shared.result("docs", runs))
        await settled()
        later = [asyncio.create_task(shared.result("docs", runs)) for _ in range(5)]
        other = asyncio.create_task(shared.result("mail", runs))
        await settled()
        assert runs.begun == 2
        runs.go_on.set()
        assert await first == 1
        assert await other == 2
        assert await asyncio.gather(*later) == [3] * 5
        assert not shared._turns

    run(scene)


def test_a_run_is_dropped_when_the_last_who_asked_has_gone() -> None:
    async def scene(shared: SharedWork, runs: Runs) -> None:
        askers = [asyncio.create_task(shared.result("docs", runs)) for _ in range(2)]
        await settled()
        askers[0].cancel()
        await settled()
        assert runs.cancelled == 0
        askers[1].cancel()
        with suppress(asyncio.CancelledError):
            await askers[1]
        await settled()
        assert runs.cancelled == 1
        assert not shared._turns
        runs.go_on.set()
        assert await shared.result("docs", runs) == 2

    run(scene)


def test_a_failure_is_told_to_all_and_ends_there() -> None:
    async def scene(shared: SharedWork, runs: Runs) -> None:
        async def fail() -> None:
            await asyncio.sleep(0)
            raise ValueError("no")

        askers = [asyncio.create_task(shared.result("docs", fail)) for _ in range(3)]
        for asker in askers:
            with pytest.raises(ValueError, match="no"):
                await asker
        runs.go_on.set()
        assert await shared.result("docs", runs) == 1

    run(scene)
