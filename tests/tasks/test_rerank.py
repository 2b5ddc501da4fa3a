"""Kind rerank: the packaged task, over the same code as POST /v1/rerank."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor import Toolbox
from openclaw_instructor.errors import InvalidArguments, UnknownTask
from openclaw_instructor.testing import WordEngine

DOCUMENTS: list[Any] = ["rain on the roof", {"id": "refund", "text": "money back"}, "", "money back please"]
ASKED = {"query": "money back please", "documents": DOCUMENTS}


@pytest.fixture
def toolbox(home: Path) -> Iterator[Toolbox]:
    (home / "instructions.yaml").write_text("tasks: {rerank_passages: {enabled: true}}\n")
    with Toolbox(engine=WordEngine()) as toolbox:
        yield toolbox


def test_it_is_off_as_it_comes(home: Path) -> None:
    with Toolbox(engine=WordEngine()) as toolbox, pytest.raises(UnknownTask):
        toolbox.run("rerank_passages", ASKED)


def test_documents_come_best_first_with_their_names(toolbox: Toolbox) -> None:
    result = toolbox.run("rerank_passages", ASKED)
    assert [(found["rank"], found["index"], found.get("id")) for found in result["results"]] == [
        (1, 3, None),
        (2, 1, "refund"),
        (3, 0, None),
    ]
    assert (result["count"], result["of"], result["model"], result["truncated"]) == (3, 3, "words", [])
    assert result["notes"] == ["1 empty text(s) were left out"]


def test_it_agrees_with_the_toolbox(toolbox: Toolbox) -> None:
    texts = [text if isinstance(text, str) else str(text["text"]) for text in DOCUMENTS if text]
    order = toolbox.rerank("money back please", texts).order
    shown = toolbox.run("rerank_passages", {"query": "money back please", "documents": texts})["results"]
    assert [(found["index"], found["score"]) for found in shown] == [
        (index, pytest.approx(score, abs=1e-4)) for index, score in order
    ]


def test_as_many_as_are_asked_for(toolbox: Toolbox) -> None:
    assert [found["index"] for found in toolbox.run("rerank_passages", ASKED | {"top_k": 1})["results"]] == [3]


def test_what_is_cut_short_is_said(home: Path, toolbox: Toolbox) -> None:
    with Toolbox(engine=WordEngine(limit=16)) as short:
        result = short.run("rerank_passages", ASKED | {"documents": ["", "word " * 30, "money"]})
    assert result["truncated"] == [1]
    assert "1 document(s) are longer" in result["notes"][1]


def test_only_empty_documents(toolbox: Toolbox) -> None:
    result = toolbox.run("rerank_passages", {"query": "x", "documents": [" "]})
    assert (result["results"], result["count"]) == ([], 0)


def test_too_many_are_better_indexed(toolbox: Toolbox) -> None:
    with pytest.raises(InvalidArguments, match="index them as files"):
        toolbox.run("rerank_passages", {"query": "x", "documents": ["a"] * 2_001})
