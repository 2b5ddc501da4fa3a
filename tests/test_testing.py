"""The engine of word hashes that other packages test with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.engine import Engine, Priority
from openclaw_instructor.errors import Busy
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from openclaw_instructor.testing import WordEmbedder, WordEngine


def test_texts_that_share_words_are_near() -> None:
    query, near, far = WordEngine().embed(["the boiler leaks", "Boiler repairs", "bread dough"]).vectors
    assert query @ near > 0.4 > query @ far


def test_an_instruction_steers() -> None:
    engine = WordEngine()
    plain, steered = (engine.embed(["red kite"], instruction).vectors for instruction in ("", "Represent: "))
    assert not np.allclose(plain, steered)
    assert [call.instruction for call in engine.calls] == ["", "Represent: "]


def test_texts_can_be_placed() -> None:
    engine = WordEngine(places={"cat": (1, 0), "dog": (0.6, 0.8)})
    cat, dog, other = engine.embed(["cat", "dog", "a stone"]).vectors
    assert (cat @ dog, cat @ other) == (pytest.approx(0.6), 0)


def test_a_long_text_is_truncated() -> None:
    embeddings = WordEngine(limit=8).embed(["one two", "one two three four five six seven"], "Say: ")
    assert embeddings.truncated == [False, True]
    assert embeddings.tokens == [5, 8]


def test_a_real_engine_gives_the_same_vectors(tmp_path: Path) -> None:
    engine = Engine(Settings(home=tmp_path), open_embedder=lambda _: WordEmbedder())
    fake = WordEngine()
    embeddings = engine.embed(["one kite", "", "many kites"], "Say: ", priority=Priority.BULK)
    np.testing.assert_array_equal(embeddings.vectors, fake.embed(["one kite", "", "many kites"], "Say: ").vectors)
    assert engine.identity("Say: ") == fake.identity("Say: ") != WordEngine("others").identity("Say: ")
    engine.close()


def test_all_tools_run_on_it(home: Path, tmp_path: Path) -> None:
    (tmp_path / "bread.md").write_text("Knead the dough and let it rise.")
    engine = WordEngine()
    with Toolbox(home, engine=engine) as box:
        box.index_add("docs", [tmp_path / "bread.md"])
        box.index_sync()
        assert box.run("search_docs", {"query": "when does dough rise"})["count"] == 1
        assert box.run("semantic_match", {"query": "dough", "candidates": ["dough"]})["best"]["index"] == 0
        assert "label" in box.run("classify_email", {"subject": "Invoice", "body": "Please pay by Friday."})
        engine.failure = Busy("full", 1.0)
        with pytest.raises(Busy, match="full"):
            box.run("semantic_match", {"query": "bread", "candidates": ["bread"]})
        with pytest.raises(Busy, match="full"):
            engine.submit(["x"]).result()
