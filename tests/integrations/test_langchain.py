"""LangChain's own vector store on the real model."""

from __future__ import annotations

import asyncio
import logging
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore

from openclaw_instructor import Toolbox, distribution
from openclaw_instructor.errors import MissingExtra, UnknownInstruction
from openclaw_instructor.integrations.langchain import InstructorEmbeddings


@pytest.fixture
def embeddings(home: Path, tiny_checkpoint: Path) -> InstructorEmbeddings:
    return InstructorEmbeddings(str(tiny_checkpoint), home=str(home))


def test_both_sides_are_steered_by_the_registry(embeddings: InstructorEmbeddings, home: Path) -> None:
    assert isinstance(embeddings, Embeddings)
    texts = ["the chain is oiled", "it rains"]
    toolbox = Toolbox(settings=embeddings._steered._toolbox.settings)
    np.testing.assert_allclose(embeddings.embed_documents(texts), toolbox.embed(texts, "passage").vectors, atol=1e-5)
    np.testing.assert_allclose(
        embeddings.embed_query(texts[0]), toolbox.embed(texts[:1], "query").vectors[0], atol=1e-5
    )
    toolbox.close()


def test_a_vector_store_finds_the_same_text(home: Path, tiny_checkpoint: Path) -> None:
    same = InstructorEmbeddings(str(tiny_checkpoint), home=str(home), query="", document="")
    store = InMemoryVectorStore(same)
    store.add_texts(["the chain is oiled", "it rains all day in the city", "nothing"])
    assert store.similarity_search("it rains all day in the city", k=1)[0].page_content.startswith("it rains")
    found = asyncio.run(store.asimilarity_search("nothing", k=1))
    assert found[0].page_content == "nothing"


def test_many_instructions_share_one_model(embeddings: InstructorEmbeddings, home: Path, tiny_checkpoint: Path) -> None:
    written = "Represent the legal question for a test:"
    other = InstructorEmbeddings(str(tiny_checkpoint), home=str(home), query=written)
    assert other.embed_query("a lease") != embeddings.embed_query("a lease")
    assert other._steered._toolbox.engine is embeddings._steered._toolbox.engine
    assert other._steered._toolbox.engine.load_count == 1


def test_an_unknown_instruction_is_named(home: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(UnknownInstruction, match="did you mean `query`"):
        InstructorEmbeddings(str(tiny_checkpoint), home=str(home), query="querry").embed_query("x")


def test_what_is_cut_is_logged(embeddings: InstructorEmbeddings, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        embeddings.embed_documents(["short", "word " * 500])
    assert "1 of 2 texts are longer than the checkpoint reads; their ends were left out" in caplog.text


@pytest.mark.parametrize(
    ("framework", "extra"),
    [("langchain_core", "langchain"), ("haystack", "haystack"), ("llama_index", "llama-index")],
)
def test_without_the_framework_the_install_line_is_said(
    monkeypatch: pytest.MonkeyPatch, framework: str, extra: str
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == framework]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, framework, None)
    module = f"openclaw_instructor.integrations.{extra.replace('-', '_')}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(MissingExtra, match=re.escape(distribution.pip_line(extra))):
        __import__(module)


def test_it_prints_and_is_pickled_as_it_was_made(embeddings: InstructorEmbeddings, tiny_checkpoint: Path) -> None:
    embeddings.embed_query("loaded")
    assert repr(embeddings).startswith(f"InstructorEmbeddings('{tiny_checkpoint}', query='query', document='passage'")
    assert eval(repr(embeddings)).embed_query("a lease") == embeddings.embed_query("a lease")
    copy = pickle.loads(pickle.dumps(embeddings))
    assert copy.embed_query("a lease") == embeddings.embed_query("a lease")
    assert copy._steered._toolbox is embeddings._steered._toolbox
