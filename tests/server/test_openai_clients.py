"""The clients that people have for OpenAI, as installed from PyPI, against a real daemon."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openclaw_instructor.daemon.endpoint import Endpoint
from tests.server.serving import ask

TEXTS = ["how do refunds work?", "the chain is oiled"]


def vectors(daemon: Endpoint, input_type: str = "") -> Any:
    answer = ask(daemon.url + "/v1/embeddings", {"input": TEXTS, "input_type": input_type}, token=daemon.token)
    return np.array([item["embedding"] for item in answer.body["data"]])


@pytest.fixture(scope="module")
def client(daemon: Endpoint) -> Any:
    openai = pytest.importorskip("openai")
    return openai.OpenAI(base_url=f"{daemon.url}/v1", api_key=daemon.token, max_retries=0)


def test_the_official_client_embeds(client: Any, daemon: Endpoint) -> None:
    made = client.embeddings.create(model="mini", input=TEXTS, extra_body={"input_type": "query"})
    np.testing.assert_allclose([item.embedding for item in made.data], vectors(daemon, "query"), atol=1e-6)
    assert made.usage.prompt_tokens > 0


def test_the_official_client_finds_the_model(client: Any) -> None:
    assert [model.id for model in client.models.list()] == ["mini"]
    model = client.models.retrieve("mini")
    assert (model.id, model.object, model.owned_by) == ("mini", "model", "openclaw-instructor")


def test_the_official_client_gets_its_fields_of_an_error(client: Any, daemon: Endpoint) -> None:
    import openai

    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("hkunlp/instructor-base")
    found = missing.value
    assert (found.code, found.type, found.param) == ("unknown_model", "invalid_request_error", "model")
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False") as tokens:
        client.embeddings.create(model="mini", input=[[1, 2, 3]])
    assert (tokens.value.code, tokens.value.param) == ("invalid_arguments", "input")
    with pytest.raises(openai.BadRequestError) as dimensions:
        client.embeddings.create(model="mini", input="x", dimensions=12)
    assert dimensions.value.param == "dimensions"
    with pytest.raises(openai.AuthenticationError) as refused:
        openai.OpenAI(base_url=f"{daemon.url}/v1", api_key="another", max_retries=0).models.list()
    assert (refused.value.type, refused.value.param) == ("invalid_request_error", None)


def test_langchain_s_class_embeds(daemon: Endpoint) -> None:
    langchain = pytest.importorskip("langchain_openai")
    embeddings = langchain.OpenAIEmbeddings(
        model="mini", base_url=f"{daemon.url}/v1", api_key=daemon.token, check_embedding_ctx_length=False
    )
    np.testing.assert_allclose(embeddings.embed_documents(TEXTS), vectors(daemon), atol=1e-6)
    steered = embeddings.model_copy(update={"model_kwargs": {"extra_body": {"input_type": "query"}}})
    np.testing.assert_allclose(steered.embed_query(TEXTS[0]), vectors(daemon, "query")[0], atol=1e-6)


def test_llama_index_s_class_embeds(daemon: Endpoint) -> None:
    llama = pytest.importorskip("llama_index.embeddings.openai")
    options = {"model_name": "mini", "api_base": f"{daemon.url}/v1", "api_key": daemon.token}
    np.testing.assert_allclose(
        llama.OpenAIEmbedding(**options).get_text_embedding_batch(TEXTS), vectors(daemon), atol=1e-6
    )
    steered = llama.OpenAIEmbedding(**options, additional_kwargs={"extra_body": {"input_type": "query"}})
    np.testing.assert_allclose(steered.get_query_embedding(TEXTS[0]), vectors(daemon, "query")[0], atol=1e-6)
