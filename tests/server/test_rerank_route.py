"""POST /v1/rerank: the common form, on the checkpoint's own embeddings."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from openclaw_instructor import distribution
from tests.server.serving import Local, ask

Serve = Callable[..., Local]
DOCUMENTS = ["rain on the roof", "money back", "", "money back please"]


@pytest.fixture
def local(serve: Serve) -> Local:
    return serve()


def rerank(local: Local, **body: Any) -> Any:
    return local.ask("/v1/rerank", {"query": "money back please", "documents": DOCUMENTS} | body)


def test_documents_come_best_first(local: Local) -> None:
    body = rerank(local).body
    assert body["results"][0]["index"] == 3
    assert {result["index"] for result in body["results"]} == {0, 1, 2, 3}
    scores = {result["index"]: result["relevance_score"] for result in body["results"]}
    assert scores[2] == 0
    assert (body["truncated"], "document" in body["results"][0]) == ([], False)
    assert list(scores.values()) == sorted(scores.values(), reverse=True)


def test_as_many_as_are_asked_for_with_their_texts(local: Local) -> None:
    documents = [{"text": text, "id": 7} for text in DOCUMENTS]
    body = rerank(local, documents=documents, top_n=1, return_documents=True, model="any").body
    assert body["results"] == [
        {"index": 3, "relevance_score": body["results"][0]["relevance_score"], "document": {"text": DOCUMENTS[3]}}
    ]


def test_an_agent_may_ask(local: Local) -> None:
    asked = {"query": "x", "documents": ["y"]}
    assert ask(local.url + "/v1/rerank", asked, token=local.agent_token).status == 200


@pytest.mark.parametrize("body", [{"documents": []}, {"query": " "}, {"top_n": 0}, {"documents": ["a", 3]}])
def test_what_cannot_be_ranked_is_refused(local: Local, body: dict[str, Any]) -> None:
    answer = rerank(local, **body)
    assert (answer.status, answer.body["error"]["code"]) == (400, "invalid_arguments")


def test_a_cross_encoder_takes_the_place_of_the_embeddings(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is stood in for: it is an extra, and its models are large."""

    class CrossEncoder:
        max_length = 8

        def __init__(self, name: str, **options: Any) -> None:
            assert options["trust_remote_code"] is False

        def predict(self, pairs: list[tuple[str, str]], **_: Any) -> list[float]:
            return [float(len(text)) for _, text in pairs]

        def tokenizer(self, queries: list[str], texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
            return {"input_ids": [[0] * len(f"{q} {t}".split()) for q, t in zip(queries, texts, strict=True)]}

    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", SimpleNamespace(CrossEncoder=CrossEncoder))
    local = serve(reranker="some/cross-encoder")
    body = rerank(local, documents=["a", "a long one of many more words than fit", "bb"]).body
    assert body["model"] == "some/cross-encoder"
    assert [result["index"] for result in body["results"]] == [1, 2, 0]
    assert body["truncated"] == [1]


def test_without_the_extra_the_way_is_said(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    answer = rerank(serve(reranker="some/cross-encoder"))
    assert answer.body["error"]["code"] == "missing_extra"
    assert distribution.pip_line("sentence-transformers") in answer.body["error"]["message"]
