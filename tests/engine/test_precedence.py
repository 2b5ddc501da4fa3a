"""Searches go first: before other requests in the engine, and before other work that shares Python's lock."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from openclaw_instructor.engine import Engine, Priority, precedence
from tests.engine.held_embedder import HeldEmbedder

Make = Callable[..., Engine]


def test_a_search_goes_before_requests_that_came_earlier(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512)
    model.gate.clear()
    first = engine.submit(["first"])
    assert model.entered.acquire(timeout=60)
    others = [engine.submit([f"{number} " + "word " * 25]) for number in range(50)]
    search = engine.submit(["a search"], priority=Priority.SEARCH)
    model.gate.set()
    for future in (first, search, *others):
        future.result(60)
    assert model.batches[1] == model.render("", ["a search"])


def test_a_search_begins_beside_all_others_in_flight(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512, passes=2)
    engine.embed(["the first pass is alone"])
    assert model.entered.acquire(timeout=60)
    model.gate.clear()
    others = engine.submit([f"{number} " + "word " * 25 for number in range(100)])
    assert model.entered.acquire(timeout=60)
    assert model.entered.acquire(timeout=60)
    search = engine.submit(["a search"], priority=Priority.SEARCH)
    assert model.entered.acquire(timeout=60)
    assert model.batches[3] == model.render("", ["a search"])
    model.gate.set()
    search.result(60)
    others.result(60)


def test_bulk_work_comes_to_its_end_beside_requests_without_end(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512)
    bulk = engine.submit(["of a sync"], priority=Priority.BULK)
    ended = threading.Event()
    bulk.add_done_callback(lambda _: ended.set())

    def ask() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            engine.embed([f"{threading.get_ident()} {number}"])

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    try:
        assert ended.wait(60)
    finally:
        ended.set()
        for asker in askers:
            asker.join()


def test_whoever_gives_way_goes_on_when_the_search_ends_or_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "SLICE", 0.0)
    monkeypatch.setattr(precedence, "PATIENCE", 60.0)
    gave_way, waiting = threading.Event(), threading.Event()

    def work() -> None:
        waiting.set()
        precedence.give_way()
        gave_way.set()

    with precedence.urgent():
        worker = threading.Thread(target=work)
        worker.start()
        assert waiting.wait(60)
        assert not gave_way.wait(0.05)
    assert gave_way.wait(60)
    worker.join()
    precedence.give_way()  # nothing is urgent
    monkeypatch.setattr(precedence, "PATIENCE", 0.01)
    with precedence.urgent():
        precedence.give_way()  # a search without end holds nobody up for ever


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere priorities are those of whole processes")
def test_other_passes_leave_the_cores_to_a_search_that_was_asked_for_lately(
    make_engine: Make, model: HeldEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    embed = model.embed

    def noted(*arguments: Any) -> Any:
        given.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return embed(*arguments)

    monkeypatch.setattr(model, "embed", noted)
    engine = make_engine()
    engine.embed(["nobody searches"], priority=Priority.BULK)
    engine.embed(["a search"], priority=Priority.SEARCH)
    engine.embed(["of a mail"])
    engine.embed(["of a sync"], priority=Priority.BULK)
    engine.embed(["another search"], priority=Priority.SEARCH)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    behind = min(19, own + precedence._NICE)
    assert given == [own, own, behind, behind, own]
