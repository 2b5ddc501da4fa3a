"""Haystack's own pipelines on the real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from openclaw_instructor.integrations.haystack import InstructorDocumentEmbedder, InstructorTextEmbedder

TEXTS = ["the chain is oiled", "it rains all day in the city", "nothing"]


@pytest.fixture
def place(home: Path, tiny_checkpoint: Path) -> dict[str, Any]:
    return {"checkpoint": str(tiny_checkpoint), "home": str(home)}


def test_a_pipeline_finds_the_document_before_and_after_it_is_saved(place: dict[str, Any]) -> None:
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    documents = [Document(content=text) for text in TEXTS]
    embedded = InstructorDocumentEmbedder(**place, instruction="").run(documents)["documents"]
    assert [document.embedding for document in documents] == [None] * 3, "those given are not changed"
    assert [document.content for document in embedded] == TEXTS
    store.write_documents(embedded)
    pipeline = Pipeline()
    pipeline.add_component("query", InstructorTextEmbedder(**place, instruction=""))
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=1))
    pipeline.connect("query.embedding", "retriever.query_embedding")
    module = "openclaw_instructor.integrations.haystack"
    for each in (pipeline, Pipeline.loads(pipeline.dumps(), allowed_modules=[module])):
        each.warm_up()
        vector = each.get_component("query").run(TEXTS[1])["embedding"]
        assert np.dot(vector, embedded[1].embedding) == pytest.approx(1, abs=1e-4)
    answer = pipeline.run({"query": {"text": TEXTS[1]}})
    assert answer["retriever"]["documents"][0].content == TEXTS[1]


def test_components_keep_their_arguments(place: dict[str, Any]) -> None:
    made = InstructorDocumentEmbedder(**place, meta_fields_to_embed=["title"], embedding_separator=" - ")
    again = InstructorDocumentEmbedder.from_dict(made.to_dict())
    assert again.to_dict() == made.to_dict()
    document = Document(content="it rains", meta={"title": "Weather", "year": 2026})
    plain = InstructorDocumentEmbedder(**place)
    same = plain.run([Document(content="Weather - it rains")])["documents"][0]
    assert again.run([document])["documents"][0].embedding == same.embedding
    assert plain.run([document])["documents"][0].embedding != same.embedding


def test_query_and_document_have_instructions_of_their_own(place: dict[str, Any]) -> None:
    query = InstructorTextEmbedder(**place).run("it rains")["embedding"]
    document = InstructorDocumentEmbedder(**place).run([Document(content="it rains")])["documents"][0].embedding
    assert query != document


def test_what_is_cut_is_named(place: dict[str, Any]) -> None:
    long, short = Document(content="word " * 500), Document(content="short")
    meta = InstructorDocumentEmbedder(**place).run([long, short])["meta"]
    assert meta == {"model": place["checkpoint"], "truncated": [long.id]}
    assert InstructorTextEmbedder(**place).run("word " * 500)["meta"]["truncated"] is True
    assert InstructorDocumentEmbedder(**place).run([])["documents"] == []


def test_the_wrong_kind_of_input_is_said(place: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="give documents to InstructorDocumentEmbedder"):
        InstructorTextEmbedder(**place).run([Document(content="x")])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give a text to InstructorTextEmbedder"):
        InstructorDocumentEmbedder(**place).run("x")  # type: ignore[arg-type]
