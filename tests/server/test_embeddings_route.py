from __future__ import annotations

import base64
import http.client
import json
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from openclaw_instructor.daemon.endpoint import Endpoint
from tests.server.serving import TOKEN, Local, ask, wait_until

Serve = Callable[..., Local]


def norm(vector: list[float]) -> float:
    return sum(value * value for value in vector) ** 0.5


def test_a_list_of_texts_gives_openai_s_answer(daemon: Endpoint) -> None:
    body = {"model": "mini", "input": ["how do refunds work?", "a longer text about refunds"], "input_type": "query"}
    answer = ask(daemon.url + "/v1/embeddings", body, token=daemon.token)
    assert answer.status == 200
    assert answer.body["object"] == "list"
    assert [item["index"] for item in answer.body["data"]] == [0, 1]
    assert norm(answer.body["data"][0]["embedding"]) == pytest.approx(1, abs=1e-4)
    assert answer.body["usage"]["prompt_tokens"] == answer.body["usage"]["total_tokens"] > 10
    assert answer.body["truncated"] == []


def test_base64_is_the_same_vector(daemon: Endpoint) -> None:
    plain = ask(daemon.url + "/v1/embeddings", {"input": "refunds"}, token=daemon.token)
    packed = ask(
        daemon.url + "/v1/embeddings",
        {"input": "refunds", "encoding_format": "base64", "user": "somebody", "dimensions": 384},
        token=daemon.token,
    )
    content = base64.b64decode(packed.body["data"][0]["embedding"])
    assert struct.unpack(f"<{len(content) // 4}f", content) == pytest.approx(
        plain.body["data"][0]["embedding"], abs=1e-6
    )


@pytest.mark.parametrize("half", [b"\\ud83d", b"\\uDC00", b"\\ud83d\\ud83d", b"\\\\\\ud83d"])
def test_half_an_emoji_is_a_text_too(daemon: Endpoint, half: bytes) -> None:
    body = b'{"input": ["whole \\ud83c\\udf89", "cut \\\\ud83d ' + half + b'"]}'
    answer = ask(daemon.url + "/v1/embeddings", body, token=daemon.token)
    assert answer.status == 200
    whole = ask(daemon.url + "/v1/embeddings", {"input": ["whole \U0001f389"]}, token=daemon.token)
    assert answer.body["data"][0] == whole.body["data"][0]


def test_the_input_type_steers(daemon: Endpoint) -> None:
    def vector(input_type: str) -> list[float]:
        body = {"input": "refunds", "input_type": input_type}
        answer = ask(daemon.url + "/v1/embeddings", body, token=daemon.token)
        assert answer.status == 200
        embedding: list[float] = answer.body["data"][0]["embedding"]
        return embedding

    names = ["", "query", "passage", "classify_email", "Represent the word for a test:"]
    vectors = [vector(name) for name in names]
    assert len({tuple(v) for v in vectors}) == len(names)
    assert vector("search_docs.query")
    assert vector("  query ") == vectors[1]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"input": "x", "input_type": "querry"}, "unknown_instruction", "did you mean `query`"),
        ({"input": [1, 2, 3]}, "invalid_arguments", "check_embedding_ctx_length=False"),
        ({"input": [[1, 2, 3]]}, "invalid_arguments", "token ids"),
        ({"input": []}, "invalid_arguments", "empty list"),
        ({}, "invalid_arguments", "`input`"),
        ({"input": "x", "model": "text-embedding-3-small"}, "unknown_model", "this daemon runs `mini`"),
        ({"input": "x", "dimensions": 12}, "invalid_arguments", "`mini` gives 384"),
        ({"input": "x", "encoding_format": "int8"}, "invalid_arguments", "encoding_format"),
        ({"input": ["x"] * 2_049}, "invalid_arguments", "2,049 texts and the limit is 2,048"),
        ({"input": ["x" * 200_001]}, "invalid_arguments", "200,001 characters"),
        (b'{"input": "x"', "invalid_arguments", "not valid JSON"),
        (b"[1]", "invalid_arguments", "must be a JSON object"),
        (b"\xff\xfe", "invalid_arguments", "not valid JSON"),
        (b"[" * 100_000, "invalid_arguments", "not valid JSON"),
        (b'{"input": "x", "dimensions": 1e999}', "invalid_arguments", "infinity"),
    ],
)
def test_a_wrong_body_is_refused_in_one_sentence(daemon: Endpoint, body: Any, code: str, words: str) -> None:
    answer = ask(daemon.url + "/v1/embeddings", body, token=daemon.token)
    assert answer.status == (404 if code == "unknown_model" else 400)
    assert answer.body["error"]["code"] == code
    assert answer.body["error"]["type"] == "invalid_request_error"
    assert words in answer.body["error"]["message"]
    assert "\n" not in answer.body["error"]["message"]


def test_truncation_is_said(daemon: Endpoint) -> None:
    body = {"input": ["short", "many words in a row " * 400]}
    answer = ask(daemon.url + "/v1/embeddings", body, token=daemon.token)
    assert answer.body["truncated"] == [1]


def test_concurrent_requests_share_passes(serve: Serve) -> None:
    local = serve()
    local.model.gate.clear()
    with ThreadPoolExecutor(32) as pool:
        futures = [pool.submit(local.ask, "/v1/embeddings", {"input": "text 0"})]
        # The others come while the first pass is under way, however quick they are.
        assert local.model.entered.acquire(timeout=60)
        futures += [pool.submit(local.ask, "/v1/embeddings", {"input": f"text {number}"}) for number in range(1, 32)]
        wait_until(lambda: local.toolbox.engine.stats()["queue_requests"] == 32)
        local.model.gate.set()
        assert {future.result(20).status for future in futures} == {200}
    assert len(local.model.batches) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": "given up"}),
        ("/v1/tools/semantic_match", {"query": "given", "candidates": ["up"]}),
        # So large that the server stops reading while it comes.
        ("/v1/embeddings", {"input": "given up", "user": "u" * 600_000}),
    ],
    ids=["embeddings", "tool", "large"],
)
def test_a_client_that_hangs_up_drops_its_work(serve: Serve, path: str, body: dict[str, Any]) -> None:
    local = serve()
    engine = local.toolbox.engine
    local.model.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(local.ask, "/v1/embeddings", {"input": "held"})
        assert local.model.entered.acquire(timeout=60)
        connection = http.client.HTTPConnection(urlsplit(local.url).netloc)
        connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {TOKEN}"})
        wait_until(lambda: engine.stats()["queue_requests"] == 2)
        connection.close()
        wait_until(lambda: local.app.in_flight.count == 1)
        local.model.gate.set()
        assert first.result(10).status == 200
    engine.embed(["whatever comes next"])
    assert engine.stats()["cancelled"] == 1
    assert len(local.model.batches) == 2


def test_a_full_queue_is_429_with_retry_after(serve: Serve) -> None:
    local = serve(queue_texts=2)
    local.model.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        held = pool.submit(local.ask, "/v1/embeddings", {"input": ["a", "b"]})
        assert local.model.entered.acquire(timeout=60)
        refused = local.ask("/v1/embeddings", {"input": "c"})
        local.model.gate.set()
        assert held.result(10).status == 200
    assert refused.status == 429
    assert refused.body["error"]["code"] == "busy"
    assert int(refused.headers["retry-after"]) >= 1


def test_a_model_that_loads_for_long_is_503_with_retry_after(serve: Serve) -> None:
    local = serve(load_wait=0.1)
    embedder = local.toolbox.engine.embedder
    ready = threading.Event()
    load = embedder.load
    embedder.load = lambda: (ready.wait(20), load())[1]  # type: ignore[method-assign, func-returns-value]
    answer = local.ask("/v1/embeddings", {"input": "x"})
    ready.set()
    assert answer.status == 503
    assert answer.body["error"]["code"] == "model_loading"
    assert "still loading, retry in" in answer.body["error"]["message"]
    assert int(answer.headers["retry-after"]) >= 1
    assert local.ask("/v1/embeddings", {"input": "x"}).status == 200
