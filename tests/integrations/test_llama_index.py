"""LlamaIndex's own vector index on the real model."""

from __future__ import annotations

import asyncio
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.errors import UnknownInstruction
from openclaw_instructor.integrations.steered import shared_toolbox

pytest.importorskip("llama_index.core", reason="the extra llama-index is not installed")

from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode

from openclaw_instructor.integrations.llama_index import InstructorEmbedding


@pytest.fixture
def embedding(home: Path, tiny_checkpoint: Path) -> InstructorEmbedding:
    return InstructorEmbedding(str(tiny_checkpoint), home=str(home))


def test_both_sides_are_steered_by_the_registry(
    embedding: InstructorEmbedding, home: Path, tiny_checkpoint: Path
) -> None:
    texts = ["the chain is oiled", "it rains"]
    toolbox = shared_toolbox(str(tiny_checkpoint), str(home))
    passages = toolbox.embed(texts, "passage").vectors
    np.testing.assert_allclose(embedding.get_text_embedding_batch(texts), passages, atol=1e-5)
    np.testing.assert_allclose(asyncio.run(embedding.aget_text_embedding_batch(texts)), passages, atol=1e-5)
    np.testing.assert_allclose(embedding.get_text_embedding(texts[0]), passages[0], atol=1e-5)
    query = toolbox.embed(texts[:1], "query").vectors[0]
    np.testing.assert_allclose(embedding.get_query_embedding(texts[0]), query, atol=1e-5)
    np.testing.assert_allclose(asyncio.run(embedding.aget_query_embedding(texts[0])), query, atol=1e-5)
    assert toolbox.engine.load_count == 1


def test_an_index_finds_the_same_text(home: Path, tiny_checkpoint: Path) -> None:
    same = InstructorEmbedding(str(tiny_checkpoint), home=str(home), query="", document="")
    nodes = [TextNode(text=text) for text in ("the chain is oiled", "it rains all day in the city", "nothing")]
    index = VectorStoreIndex(nodes, embed_model=same)
    found = index.as_retriever(similarity_top_k=1).retrieve("it rains all day in the city")
    assert found[0].node.get_content() == "it rains all day in the city"


def test_it_is_pickled_and_written_as_it_was_made(embedding: InstructorEmbedding) -> None:
    embedding.get_query_embedding("loaded")
    copy = pickle.loads(pickle.dumps(embedding))
    assert copy.get_query_embedding("a lease") == embedding.get_query_embedding("a lease")
    assert InstructorEmbedding.from_dict(embedding.to_dict()).to_dict() == embedding.to_dict()
    assert "query='query' document='passage'" in str(embedding)


def test_an_unknown_instruction_is_named(home: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(UnknownInstruction, match="did you mean `query`"):
        InstructorEmbedding(str(tiny_checkpoint), home=str(home), query="querry").get_query_embedding("x")


def test_what_is_cut_is_logged(embedding: InstructorEmbedding, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        embedding.get_text_embedding_batch(["short", "word " * 500])
    assert "1 of 2 texts are longer than the checkpoint reads" in caplog.text
