"""Large requests: each caller has a turn, and what is small waits for none of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from openclaw_instructor.errors import Busy
from openclaw_instructor.server.routes.tools import LARGE_CHARACTERS
from openclaw_instructor.server.turns import Turns
from tests.server.serving import Local, wait_until

LARGE = {"raw": "Subject: hi\n\n" + "x" * LARGE_CHARACTERS}


def test_callers_take_turns() -> None:
    """One caller's ten leave the other two places to others, and are worked on one after the other."""

    async def run() -> None:
        turns, inside = Turns(3, 60), list[str]()
        go_on = asyncio.Event()

        async def work(caller: str) -> None:
            async with turns.turn(caller, 10):
                inside.append(caller)
                await go_on.wait()

        tasks = [asyncio.create_task(work(caller)) for caller in ["a"] * 10 + ["b", "c", "d"]]
        while len(inside) < 3:
            await asyncio.sleep(0)
        assert inside == ["a", "b", "c"]
        go_on.set()
        await asyncio.gather(*tasks)
        assert sorted(inside) == ["a"] * 10 + ["b", "c", "d"]

    asyncio.run(run())


def test_what_waits_has_a_bound() -> None:
    async def run() -> None:
        turns = Turns(1, 60, most=25)
        go_on = asyncio.Event()

        async def work(caller: str) -> None:
            async with turns.turn(caller, 10):
                await go_on.wait()

        tasks = [asyncio.create_task(work("a")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="2 large requests of yours wait already"):
            await work("a")
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        go_on.set()
        await asyncio.gather(work("a"), work("b"), tasks[1])

    asyncio.run(run())


def test_nobody_waits_without_end() -> None:
    async def run() -> None:
        turns = Turns(1, 0.01)
        async with turns.turn("a", 10):
            with pytest.raises(Busy, match="for its turn"):
                async with turns.turn("b", 10):
                    pass
        async with turns.turn("b", 10):
            pass

    asyncio.run(run())


def test_large_calls_do_not_hold_up_small_ones(serve: Callable[..., Local], monkeypatch: pytest.MonkeyPatch) -> None:
    local = serve()
    begun: list[str] = []
    go_on = threading.Event()

    def run(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if "raw" in arguments:
            begun.append(name)
            assert go_on.wait(60)
        return {"label": None}

    monkeypatch.setattr(local.toolbox, "run", run)
    with ThreadPoolExecutor(70) as threads:
        large = [threads.submit(local.ask, "/v1/tools/classify_email", LARGE) for _ in range(70)]
        wait_until(lambda: begun)
        assert local.ask("/v1/tools/search_docs", {"query": "x"}).status == 200
        assert begun == ["classify_email"]
        go_on.set()
    assert {answer.result().status for answer in large} == {200}
