from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from openclaw_instructor.engine import Engine, Priority
from openclaw_instructor.errors import Busy, CheckpointUnavailable, ModelLoading, ServiceError
from openclaw_instructor.settings import Settings
from tests.engine.held_embedder import HeldEmbedder, busy_worker, engine_with

Make = Callable[..., Engine]


def test_vectors_come_back_in_order_and_normalised(make_engine: Make) -> None:
    result = make_engine().embed(["one", "two words", "one"], "Represent: ")
    assert result.vectors.shape == (3, 8)
    assert result.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(result.vectors, axis=1), 1, rtol=1e-5)
    assert (result.vectors[0] == result.vectors[2]).all()
    assert (result.vectors[0] != result.vectors[1]).any()
    assert result.tokens == [4, 5, 4]


def test_truncation_is_said(make_engine: Make) -> None:
    assert make_engine().embed(["short", "word " * 100]).truncated == [False, True]


def test_nothing_loads_until_the_first_text(make_engine: Make) -> None:
    engine = make_engine()
    assert engine.embed([]).vectors.shape == (0, 8)
    assert engine.identity("x ")
    assert engine.load_count == 0
    engine.embed(["now"])
    engine.embed(["again"])
    assert (engine.loaded, engine.load_count) == (True, 1)


def test_a_cancelled_request_never_reaches_the_model(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine()
    busy_worker(engine, model)
    dropped, kept = engine.submit(["dropped"]), engine.submit(["kept"])
    assert dropped.cancel()
    model.gate.set()
    kept.result(10)
    assert len(model.batches) == 2
    assert len(model.batches[1]) == 1
    assert engine.stats()["cancelled"] == 1


def test_cancelling_bulk_work_under_way_drops_the_rest(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512)
    model.gate.clear()
    bulk = engine.submit([f"{number} " + "bulk " * 20 for number in range(500)], priority=Priority.BULK)
    assert model.entered.acquire(timeout=60)
    bulk.cancel()
    model.gate.set()
    engine.embed(["after"])
    assert len(model.batches) == 2


def test_a_full_queue_is_busy_and_says_when_to_come_back(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(queue_texts=3)
    busy_worker(engine, model)
    engine.submit(["a", "b"])
    with pytest.raises(Busy, match=r"3 texts are waiting for the model; try again in") as caught:
        engine.submit(["c"])
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1
    assert engine.stats()["busy"] == 1


def test_bulk_work_never_makes_a_search_busy(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(queue_texts=3)
    model.gate.clear()
    engine.submit(["a", "b", "c"], priority=Priority.BULK)
    with pytest.raises(Busy):
        engine.submit(["d"], priority=Priority.BULK)
    search = engine.submit(["search"])
    model.gate.set()
    assert search.result(10).tokens == [2]


def test_progress_counts_texts(make_engine: Make) -> None:
    seen: list[tuple[int, int]] = []
    make_engine(batch_tokens=512).embed(
        [f"{number} " + "word " * 20 for number in range(60)],
        priority=Priority.BULK,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[-1] == (60, 60)


def test_a_failing_progress_callback_fails_its_own_request_only(make_engine: Make) -> None:
    def broken(done: int, total: int) -> None:
        raise RuntimeError("bar")

    engine = make_engine()
    with pytest.raises(ServiceError, match="RuntimeError"):
        engine.embed(["x"], on_progress=broken)
    assert engine.embed(["y"]).tokens == [2]


def test_a_failing_pass_names_no_text_and_the_worker_lives_on(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine()
    model.failure = ValueError("cannot embed 'my secret'")
    with pytest.raises(ServiceError, match="ValueError") as caught:
        engine.embed(["my secret"])
    assert "secret" not in caught.value.message
    model.failure = None
    assert engine.embed(["fine"]).tokens == [2]


def test_a_load_that_fails_is_tried_again(model: HeldEmbedder, tmp_path: Path) -> None:
    attempts: list[int] = []

    def fail_once() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise CheckpointUnavailable("no network")

    model.before_load = fail_once
    engine = engine_with(model, tmp_path)
    with pytest.raises(CheckpointUnavailable, match="no network"):
        engine.embed(["x"])
    assert engine.embed(["x"]).tokens == [2]
    engine.close()


def test_waiting_for_a_loading_model_has_a_limit(model: HeldEmbedder, tmp_path: Path) -> None:
    ready = threading.Event()

    begun = threading.Event()

    def wait() -> None:
        begun.set()
        ready.wait(30)

    model.before_load = wait
    engine = engine_with(model, tmp_path, load_wait=0.05)
    engine.submit(["the text that loads it"])
    assert begun.wait(60)
    with pytest.raises(ModelLoading, match=r"the model `mini` is still loading, retry in \d+ s"):
        engine.embed(["x"])
    ready.set()
    assert engine.embed(["y"], priority=Priority.BULK).tokens == [2]
    engine.close()


def test_a_timeout_behind_other_work_is_busy(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine()
    busy_worker(engine, model)
    with pytest.raises(Busy, match=r"within 0.05 s"):
        engine.embed(["late"], timeout=0.05)


def test_an_idle_model_is_unloaded_and_loaded_again(make_engine: Make) -> None:
    engine = make_engine(unload_after=0.05)
    engine.embed(["x"])
    deadline = time.monotonic() + 10
    while engine.loaded and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not engine.loaded
    engine.embed(["y"])
    assert engine.load_count == 2


def test_unload_on_demand(make_engine: Make) -> None:
    engine = make_engine()
    engine.unload()
    engine.embed(["x"])
    engine.unload()
    assert not engine.loaded


def test_closing_fails_what_waits_and_refuses_more(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine()
    busy_worker(engine, model)
    waiting = engine.submit(["waiting"])
    threading.Timer(0.05, model.gate.set).start()
    engine.close()
    with pytest.raises(ServiceError, match="closed before"):
        waiting.result(10)
    with pytest.raises(ServiceError, match="engine is closed"):
        engine.submit(["more"])
    engine.close()


def test_half_a_surrogate_pair_is_embedded_as_a_replacement(make_engine: Make) -> None:
    engine = make_engine()
    assert (engine.embed(["a \ud83d b"]).vectors == engine.embed(["a ? b"]).vectors).all()


def test_many_threads_get_their_own_answers(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine(batch_tokens=512)
    texts = [f"text {number} " + "x " * (number % 20) for number in range(200)]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda text: engine.embed([text]).vectors[0], texts))
    alone = model.embed(model.render("", texts), 512)
    np.testing.assert_array_equal(np.stack(together), alone)


def test_identity_follows_what_makes_vectors_comparable(make_engine: Make) -> None:
    engine = make_engine()
    same = engine.identity("Represent: ", "v1")
    assert same == engine.identity("Represent: ", "v1")
    assert len({same, engine.identity("Represent:", "v1"), engine.identity("Represent: ", "v2")}) == 3
    assert make_engine(dtype="bfloat16").identity("Represent: ", "v1") == same
    assert make_engine(dtype="int8").identity("Represent: ", "v1") != same


def test_a_checkpoint_replaced_while_unloaded_is_another(tmp_path: Path, tiny_checkpoint: Path) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    engine = Engine(Settings(home=tmp_path, checkpoint=str(folder), threads=1, load_wait=600))
    before, identity = engine.embed(["text"]).vectors, engine.identity("")
    engine.unload()
    assert engine.identity("") == identity
    weights = load_file(folder / "model.safetensors")
    save_file({name: weight.roll(1, 0) for name, weight in weights.items()}, folder / "model.safetensors")
    engine.unload()
    assert engine.identity("") != identity
    assert abs(engine.embed(["text"]).vectors - before).max() > 1e-3
    engine.close()
