"""Requests that are sent twice are carried out once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response, StreamingResponse

from openclaw_instructor.server import idempotency
from tests.server.serving import Local, wait_until

Serve = Callable[..., Local]


@pytest.fixture
def local(serve: Serve) -> Local:
    return serve()


def count_adds(local: Local, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the collections that were added, one for each time."""
    added: list[str] = []
    add = local.toolbox.index_add

    def counted(name: str, *arguments: Any) -> None:
        added.append(name)
        add(name, *arguments)

    monkeypatch.setattr(local.toolbox, "index_add", counted)
    return added


def test_a_key_names_one_request(local: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = count_adds(local, monkeypatch)
    body = {"name": "docs", "folders": [str(tmp_path)]}
    answers = [local.ask("/v1/index/add", body, Idempotency_Key="one") for _ in range(3)]
    assert {answer.status for answer in answers} == {200}
    assert [answer.body for answer in answers] == [{"name": "docs", "added": True}] * 3
    assert added == ["docs"]
    assert local.ask("/v1/index/add", body, Idempotency_Key="two").status == 200
    assert added == ["docs", "docs"]
    other = local.ask("/v1/index/add", body | {"name": "more"}, Idempotency_Key="one")
    assert (other.status, other.body["error"]["code"]) == (400, "invalid_arguments")
    assert "came with another request before" in other.body["error"]["message"]


async def streamed() -> Response:
    return StreamingResponse(iter(()))


async def failed() -> Response:
    raise RuntimeError("of the first request")


async def cancelled() -> Response:
    raise asyncio.CancelledError


async def plain() -> Response:
    return Response("the second's own")


@pytest.mark.parametrize("first", [streamed, failed, cancelled])
def test_a_request_beside_one_that_just_ended_gets_its_own_answer(first: Callable[[], Awaitable[Response]]) -> None:
    async def both() -> Response:
        memory = idempotency.AnswerMemory()

        async def second() -> Response:
            # Its turn comes when the first answer is made, and is not yet taken out of the memory.
            await asyncio.sleep(0)
            return await memory.answer(("caller", "two"), b"", plain)

        ended = await asyncio.gather(memory.answer(("caller", "one"), b"", first), second(), return_exceptions=True)
        assert isinstance(ended[1], Response), ended[1]
        return ended[1]

    assert asyncio.run(both()).body == b"the second's own"


def test_a_removal_that_is_repeated_is_answered_as_the_first_was(local: Local, tmp_path: Path) -> None:
    local.ask("/v1/index/add", {"name": "docs", "folders": [str(tmp_path)]})
    for _ in range(2):
        answer = local.ask("/v1/index/remove", {"name": "docs"}, Idempotency_Key="remove docs")
        assert answer.body == {"name": "docs", "removed": True}
    assert local.ask("/v1/index/remove", {"name": "docs"}).body["error"]["code"] == "unknown_collection"


def test_a_request_repeated_while_it_is_answered_waits_for_that_answer(
    local: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = count_adds(local, monkeypatch)
    entered, release = threading.Event(), threading.Event()
    counted = local.toolbox.index_add

    def held(*arguments: Any) -> None:
        entered.set()
        assert release.wait(60)
        counted(*arguments)

    monkeypatch.setattr(local.toolbox, "index_add", held)
    body = {"name": "docs", "folders": [str(tmp_path)]}
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(local.ask, "/v1/index/add", body, Idempotency_Key="one")
        assert entered.wait(60)
        second = pool.submit(local.ask, "/v1/index/add", body, Idempotency_Key="one")
        wait_until(lambda: local.app.in_flight.count == 2)
        release.set()
        assert first.result(60).body == second.result(60).body == {"name": "docs", "added": True}
    assert added == ["docs"]


def test_a_refusal_is_not_kept(local: Local, tmp_path: Path) -> None:
    body = {"name": "docs"}
    assert local.ask("/v1/index/remove", body, Idempotency_Key="one").status == 404
    local.ask("/v1/index/add", {"name": "docs", "folders": [str(tmp_path)]})
    assert local.ask("/v1/index/remove", body, Idempotency_Key="one").status == 200


@pytest.mark.parametrize("key", ["", "k" * 256, "caf\xe9"])
def test_keys_are_short_and_plain(local: Local, tmp_path: Path, key: str) -> None:
    body = {"name": "docs", "folders": [str(tmp_path)]}
    assert local.ask("/v1/index/add", body, Idempotency_Key=key).status == 400


def test_what_only_reads_needs_no_memory(local: Local) -> None:
    for text in ("one", "another"):
        answer = local.ask("/v1/embeddings", {"input": text}, Idempotency_Key="the same")
        assert answer.status == 200


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from starlette.responses import Response

    monkeypatch.setattr(idempotency, "_BYTES", 10_000)
    now = 0.0
    memory = idempotency.AnswerMemory(lambda: now)
    made: list[str] = []

    async def ask(key: str) -> None:
        async def make() -> Response:
            made.append(key)
            return Response(b"x" * 3_000)

        await memory.answer(("owner", "POST", "/", key), b"", make)

    async def run() -> None:
        nonlocal now
        for number in range(5):
            await ask(str(number))
        # The oldest went when the answers had become too many bytes.
        await ask("4")
        assert made == ["0", "1", "2", "3", "4"]
        await ask("0")
        assert made[5:] == ["0"]
        now += idempotency.KEEP_SECONDS + 1
        await ask("new")
        await ask("4")
        assert made[6:] == ["new", "4"]

    asyncio.run(run())
