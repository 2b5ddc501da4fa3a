"""Which texts share a pass of the model, and which passes run beside others."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
import pytest

from openclaw_instructor.engine import Embeddings, Engine, Priority
from openclaw_instructor.engine.batch_sizing import BatchSizer
from openclaw_instructor.engine.in_flight import Pass, PassesInFlight
from openclaw_instructor.errors import ServiceError
from tests.engine.held_embedder import HeldEmbedder, busy_worker

Make = Callable[..., Engine]


def two_passes_in_flight(engine: Engine, model: HeldEmbedder) -> Future[Embeddings]:
    """A request of many passes, two of which the model holds at its gate."""
    engine.embed(["the first pass is alone"])
    assert model.entered.acquire(timeout=60)
    model.gate.clear()
    request = engine.submit([f"{number} " + "word " * 25 for number in range(100)])
    for _ in range(2):
        assert model.entered.acquire(timeout=60)
    return request


def test_waiting_requests_share_a_pass(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512)
    busy_worker(engine, model)
    futures = [engine.submit([f"request {number}"]) for number in range(64)]
    model.gate.set()
    for future in futures:
        future.result(10)
    assert [len(batch) for batch in model.batches] == [1, 64]


def test_waiting_requests_are_tokenised_together(make_engine: Make, model: HeldEmbedder, rendered: list[int]) -> None:
    engine = make_engine(batch_tokens=512)
    busy_worker(engine, model)
    futures = [engine.submit([f"request {number}"], f"{number // 24} ") for number in range(48)]
    model.gate.set()
    assert [future.result(10).tokens for future in futures] == [[4]] * 48
    assert rendered == [1, 16, 8, 16, 8]


def test_what_the_cache_knows_is_answered_beside_what_it_does_not(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512)
    known = engine.embed(["known"]).vectors
    assert model.entered.acquire(timeout=60)
    busy_worker(engine, model)
    futures = [engine.submit([text]) for text in ("new", "known", "newer")]
    model.gate.set()
    answers = [future.result(10).vectors for future in futures]
    np.testing.assert_array_equal(answers[1], known)
    assert (answers[0] != answers[2]).any()
    assert [len(batch) for batch in model.batches] == [1, 1, 2]


def test_a_pass_keeps_to_the_token_budget(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512)
    engine.embed([f"{number} " + "word " * 25 for number in range(100)])
    assert max(sum(prompt.tokens for prompt in batch) for batch in model.batches) <= 512
    assert min(sum(prompt.tokens for prompt in batch) for batch in model.batches[:-1]) > 512 - 32


def test_an_interactive_request_waits_one_slice_of_bulk_at_most(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512)
    model.gate.clear()
    bulk = engine.submit([f"{number} " + "bulk " * 20 for number in range(500)], priority=Priority.BULK)
    assert model.entered.acquire(timeout=60)
    search = engine.submit(["a search"])
    model.gate.set()
    search.result(10)
    bulk.result(10)
    assert model.render("", ["a search"]) in model.batches[:2]
    assert len(model.batches) > 10


def test_the_next_pass_begins_while_one_is_in_flight(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(passes=2)
    engine.embed(["the first pass is alone"])
    assert model.entered.acquire(timeout=60)
    model.gate.clear()
    first = engine.submit(["first"])
    assert model.entered.acquire(timeout=60)
    second = engine.submit(["second", "and more"])
    assert model.entered.acquire(timeout=60)
    third = engine.submit(["third"])
    assert not model.entered.acquire(timeout=0.1)
    model.gate.set()
    assert [future.result(10).tokens for future in (first, second, third)] == [[2], [2, 3], [2]]
    assert engine.stats()["batches"] == 4


def test_a_search_begins_beside_the_bulk_work_in_flight(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512, passes=2)
    engine.embed(["the first pass is alone"])
    assert model.entered.acquire(timeout=60)
    model.gate.clear()
    bulk = engine.submit([f"{number} " + "bulk " * 20 for number in range(500)], priority=Priority.BULK)
    assert model.entered.acquire(timeout=60)
    search = engine.submit(["a search"])
    assert model.entered.acquire(timeout=60)
    assert model.batches[2] == model.render("", ["a search"])
    model.gate.set()
    search.result(10)
    assert len(bulk.result(10).tokens) == 500


def test_passes_at_once_keep_their_texts_apart(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512, passes=2)
    texts = [f"{number} " + "word " * (number % 25) for number in range(400)]
    halves = engine.submit(texts[:200]), engine.submit(texts[200:], priority=Priority.BULK)
    together = np.concatenate([half.result(10).vectors for half in halves])
    np.testing.assert_array_equal(together, model.embed(model.render("", texts), 512))


def test_a_request_whose_pass_fails_beside_another_fails_once(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512, passes=2)
    request = two_passes_in_flight(engine, model)
    model.failure = ValueError("no")
    model.gate.set()
    with pytest.raises(ServiceError, match="ValueError"):
        request.result(10)
    model.failure = None
    assert engine.embed(["fine"]).tokens == [2]
    assert len(model.batches) == 4


def test_a_request_dropped_with_two_passes_in_flight_is_counted_once(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512, passes=2)
    request = two_passes_in_flight(engine, model)
    request.cancel()
    model.gate.set()
    engine.embed(["after"])
    engine.close()
    assert engine.stats()["cancelled"] == 1


def test_a_pass_that_ends_early_brings_the_next_one_forward() -> None:
    def in_flight_with(tokens: int) -> Pass:
        each = Pass([], budget=0)
        each.tokens = tokens
        passes.start(each)
        return each

    def end(each: Pass) -> None:
        each.ended_at = time.monotonic()
        passes.end(each)

    sizer = BatchSizer()
    sizer.tokens_per_second = 10.0
    passes = PassesInFlight(sizer)
    passes.limit = 2
    end(in_flight_with(1_000))
    early = in_flight_with(1_000)
    in_flight_with(1_000)
    end(early)
    assert 0 < passes.delay(Priority.BULK) < sizer.seconds(1_000)
