"""Kind `search`: arguments and defaults of a task reach the index."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openclaw_instructor.errors import UnknownCollection
from openclaw_instructor.index import Index
from openclaw_instructor.registry.kinds.search import SearchTask
from openclaw_instructor.tasks import search
from tests.index.word_engine import DOCUMENT, WordEngine


def task(**options: Any) -> SearchTask:
    instructions = {"query": {"default": "Represent the question: ", "words": "Words ask:"}, "document": DOCUMENT}
    return SearchTask(name="search_docs", description="Search.", instructions=instructions, **options)


def using(index: Index) -> SimpleNamespace:
    """The resources of a task that searches."""
    return SimpleNamespace(index=index, document_instruction=lambda collection: DOCUMENT)


def test_the_result_is_a_flat_dict(docs: Index) -> None:
    result = search.run(task(), {"query": "knead the dough"}, using(docs))
    assert list(result) == [
        "query",
        "hits",
        "count",
        "collections_searched",
        "stale",
        "truncated_query",
        "notes",
    ]
    assert result["hits"][0]["title"] == "Bread"


def test_arguments_win_over_the_tasks_own(docs: Index, folder: Path) -> None:
    docs.add("other", [folder / "trip.txt"], instruction=DOCUMENT)
    docs.sync("other")
    arguments = {"query": "train", "collection": "other", "top_k": 1, "path": "*.txt", "mode": "vector"}
    result = search.run(task(top_k=5), arguments, using(docs))
    assert [hit["collection"] for hit in result["hits"]] == ["other"]
    assert len(search.run(task(top_k=2), {"query": "train"}, using(docs))["hits"]) == 2
    assert search.run(task(), {"query": "train", "before": "1999-01-01"}, using(docs))["count"] == 0


def test_collections_that_were_not_searched_are_named_when_nothing_is_found(docs: Index, folder: Path) -> None:
    docs.add("other", [folder / "trip.txt"], instruction=DOCUMENT)
    docs.sync("other")
    asked = {"query": "train", "collection": "docs", "mode": "keyword"}
    assert not any("`other`" in note for note in search.run(task(), asked, using(docs))["notes"])
    nothing = search.run(task(), asked | {"query": "zeppelin"}, using(docs))
    assert "only docs was searched, not `other`; ask for the collection `*` to search all" in nothing["notes"]


def test_a_language_that_the_checkpoint_does_not_read_is_said(docs: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WordEngine, "checkpoint_name", "mini")
    question = {"query": "wie oft soll ich die Tomaten gießen"}
    notes = search.run(task(), question, using(docs))["notes"]
    assert any("another language than English (German)" in note for note in notes)
    assert not any(
        "another language" in note for note in search.run(task(), {"query": "how often"}, using(docs))["notes"]
    )
    by_words = search.run(task(), question | {"mode": "keyword"}, using(docs))["notes"]
    assert not any("another language" in note for note in by_words)


def test_the_query_instruction_is_that_of_the_checkpoint(docs: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = WordEngine.embed

    def embed(self: WordEngine, texts: list[str], instruction: str = "", **options: Any) -> Any:
        seen.append(instruction)
        return real(self, texts, instruction, **options)

    monkeypatch.setattr(WordEngine, "embed", embed)
    search.run(task(), {"query": "train"}, using(docs))
    search.run(task(mode="keyword"), {"query": "train"}, using(docs))
    assert seen == ["Words ask: "]


def test_the_tasks_collection_has_to_exist(docs: Index) -> None:
    with pytest.raises(UnknownCollection, match="no collection `mail`"):
        search.run(task(collection="mail"), {"query": "train"}, using(docs))
