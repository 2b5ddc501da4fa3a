"""What the daemon counts, and the memory it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.server import threadpool
from openclaw_instructor.settings import Settings
from tests.resident import resident_megabytes, resident_with_torch
from tests.server.serving import Local, ask

Serve = Callable[..., Local]


def counted(local: Local) -> dict[str, float]:
    """The samples of /metrics by name and labels, without the package's prefix."""
    lines = [line for line in local.ask("/metrics").body.splitlines() if not line.startswith("#")]
    pairs = (line.rsplit(" ", 1) for line in lines)
    return {name.removeprefix("openclaw_instructor_"): float(value) for name, value in pairs}


def test_requests_are_counted_by_template_method_and_status(serve: Serve) -> None:
    local = serve()
    assert local.ask("/v1/embeddings", {"input": "counted"}).status == 200
    assert local.ask("/v1/embeddings", {"input": []}).status == 400
    assert local.ask("/v1/tools/no_such_tool", {}).status == 404
    assert local.ask("/v1/models", method="DELETE").status == 405
    assert local.ask("/secret/path").status == 404
    assert ask(local.url + "/v1/models").status == 401
    samples = counted(local)
    for labels in (
        'method="POST",route="/v1/embeddings",status="200"',
        'method="POST",route="/v1/embeddings",status="400"',
        'method="POST",route="/v1/tools/{name}",status="404"',
        'method="DELETE",route="/v1/models",status="405"',
        'method="GET",route="unknown",status="404"',
        'method="GET",route="/v1/models",status="401"',
    ):
        assert samples[f"requests_total{{{labels}}}"] == 1
    assert samples['request_seconds_count{route="/v1/embeddings"}'] == 2


def test_the_work_of_the_model_is_counted(serve: Serve) -> None:
    local = serve()
    for texts in (["one", "two words"], ["one"]):
        assert local.ask("/v1/embeddings", {"input": texts}).status == 200
    samples = counted(local)
    assert samples["model_loaded"] == samples["model_passes_total"] == 1
    assert samples["embedding_requests_total"] == 2
    assert samples["embedded_texts_total"] == 2
    assert samples["model_tokens_total"] == 5
    assert 0 < samples["batch_fill_ratio"] < 1
    assert (samples["cache_hits_total"], samples["cache_misses_total"]) == (1, 2)
    assert samples['queue_texts{priority="interactive"}'] == 0


def test_work_that_is_not_begun_in_time_is_429_and_dropped(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threadpool, "WORK_SECONDS", 0.1)
    local = serve(load_wait=0.1)
    local.model.gate.clear()
    held = local.toolbox.engine.submit(["held"])
    assert local.model.entered.acquire(timeout=60)
    refused = local.ask("/v1/embeddings", {"input": "late"})
    assert (refused.status, refused.body["error"]["code"]) == (429, "busy")
    local.model.gate.set()
    held.result(10)
    local.toolbox.engine.embed(["next"])
    assert counted(local)["embedding_requests_dropped_total"] == 1
    assert len(local.model.batches) == 2


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_stays_small_before_and_after_the_model(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    assert ask(endpoint.url + "/v1/tools", token=endpoint.token).status == 200
    assert resident_megabytes(endpoint.pid) < 120
    answer = ask(endpoint.url + "/v1/embeddings", {"input": ["a text", "another"]}, token=endpoint.token)
    assert answer.status == 200
    assert resident_megabytes(endpoint.pid) < resident_with_torch() + 220
