"""The Toolbox: listing, dispatch, validation, live edits, and what stays unloaded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openclaw_instructor import Toolbox
from openclaw_instructor.errors import (
    CheckpointUnavailable,
    InvalidArguments,
    UnknownCollection,
    UnknownInstruction,
    UnknownTask,
)
from openclaw_instructor.settings import Settings
from tests.engine.held_embedder import HeldEmbedder, engine_with

GREETINGS = """\
tasks:
  sort_greeting:
    kind: classify
    description: Sort a greeting.
    instruction: "Represent the greeting for classifying its time of day:"
    labels: [{name: morning}, {name: evening}]
    abstain_below: 0
    min_margin: 0
"""


@pytest.fixture
def toolbox(home: Path, tiny_checkpoint: Path) -> Iterator[Toolbox]:
    with Toolbox(settings=Settings(home=home, checkpoint=str(tiny_checkpoint), threads=1, load_wait=600)) as box:
        yield box


def test_listing_opens_neither_engine_nor_index(home: Path) -> None:
    with Toolbox(home) as box:
        specs = box.tools()
        names = ["search_docs", "read_document", "list_documents", "semantic_match", "classify_email"]
        assert [spec.name for spec in specs] == names
        assert all(spec.effect == "read" and spec.parameters["type"] == "object" for spec in specs)
        assert json.loads(json.dumps(specs[0].as_dict()))["name"] == "search_docs"
        assert list(home.iterdir()) == []


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_words_answer_without_a_checkpoint(toolbox: Toolbox, tmp_path: Path, mode: str) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "bike.md").write_text("# Bike\n\nThe chain is oiled every month.\n")
    toolbox.index_add("docs", [tmp_path / "notes"])
    toolbox.index_sync("docs")
    gone = toolbox.settings.model_copy(update={"checkpoint": "someone/gone", "offline": True})
    with Toolbox(settings=gone) as box:
        result = box.run("search_docs", {"query": "chain oiled", "mode": mode})
        assert result["hits"][0]["file"].endswith("bike.md")
        assert ("searched by words only" in str(result["notes"])) == (mode == "hybrid")
        with pytest.raises(CheckpointUnavailable):
            box.run("search_docs", {"query": "chain oiled", "mode": "vector"})


def test_every_kind_answers_plain_json(toolbox: Toolbox, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "bike.md").write_text("# Bike\n\nThe chain is oiled every month.\n")
    toolbox.index_add("docs", [tmp_path / "notes"])
    assert toolbox.index_sync("docs").collections[0].added == 1
    results = [
        toolbox.run("search_docs", {"query": "chain oiled"}),
        toolbox.run("semantic_match", {"query": "a", "candidates": ["a", "b"]}),
        toolbox.run("classify_email", {"subject": "hello", "body": "world"}),
    ]
    for result in results:
        assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert results[0]["hits"][0]["file"].endswith("bike.md")
    assert results[1]["best"]["index"] == 0


def test_a_saved_task_is_a_tool_at_once(toolbox: Toolbox) -> None:
    with pytest.raises(UnknownTask, match="no task `sort_greeting`"):
        toolbox.run("sort_greeting", {"text": "good evening"})
    toolbox.settings.instructions_path.write_text(GREETINGS)
    assert toolbox.run("sort_greeting", {"text": "evening"})["label"] == "evening"
    assert toolbox.tools()[-1].name == "sort_greeting"
    toolbox.settings.instructions_path.write_text(GREETINGS.replace("kind: classify", "kind: clasify"))
    assert toolbox.run("sort_greeting", {"text": "evening"})["label"] == "evening"
    assert "did you mean `classify`?" in str(toolbox.registry.problem)


@pytest.mark.parametrize(
    ("task", "arguments", "error", "said"),
    [
        ("serch_docs", {}, UnknownTask, "did you mean `search_docs`?"),
        ("search_docs", {"query": ""}, InvalidArguments, "search_docs: `query` is empty"),
        ("semantic_match", {"query": "x", "candidates": []}, InvalidArguments, "give at least 1"),
        ("search_docs", {"query": "x", "collection": "nope"}, UnknownCollection, "nope"),
    ],
)
def test_mistakes_of_the_caller(
    toolbox: Toolbox, task: str, arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    if error is UnknownCollection:
        folder = toolbox.settings.home / "docs"
        folder.mkdir()
        toolbox.index_add("docs", [folder])
    with pytest.raises(error) as refusal:
        toolbox.run(task, arguments)
    assert said in str(refusal.value)


def test_embed_takes_the_registrys_instructions(home: Path) -> None:
    model = HeldEmbedder()
    engine = engine_with(model, home, cache_mb=0)
    with Toolbox(home, engine=engine) as box:
        plain = box.embed(["red kite"]).vectors
        steered = box.embed(["red kite"], "query").vectors
        written = box.embed(["red kite"], "Represent the question for retrieving supporting documents:").vectors
        assert not np.allclose(plain, steered)
        np.testing.assert_array_equal(steered, written)
        with pytest.raises(UnknownInstruction, match="did you mean `query`"):
            box.embed(["x"], "qery")
    engine.close()


def test_documents_are_steered_by_the_task_that_searches_them(toolbox: Toolbox, tmp_path: Path) -> None:
    toolbox.settings.instructions_path.write_text(
        "tasks:\n  find_recipe:\n    kind: search\n    description: d\n    collection: cookbook\n"
        "    instructions: {query: 'Represent the hunger:', document: 'Represent the recipe:'}\n"
    )
    for name in ("docs", "cookbook", "other"):
        toolbox.index_add(name, [tmp_path])
    instructions = {status.name: status.instruction for status in toolbox.index_status()}
    assert instructions == {
        "docs": "Represent the document for retrieval: ",
        "cookbook": "Represent the recipe: ",
        "other": "Represent the document for retrieval: ",
    }


def test_a_sync_follows_an_edited_document_instruction(toolbox: Toolbox, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("words")
    toolbox.index_add("docs", [tmp_path])
    toolbox.index_sync("docs")
    toolbox.settings.instructions_path.write_text(
        "tasks:\n  search_docs:\n    kind: search\n    description: d\n"
        "    instructions: {query: 'Represent the plea:', document: 'Represent the page:'}\n"
    )
    report = toolbox.index_sync("docs")
    assert report.collections[0].embedded == 1
    assert toolbox.index_status("docs")[0].instruction == "Represent the page: "


def test_removing_a_collection(toolbox: Toolbox, tmp_path: Path) -> None:
    toolbox.index_add("docs", [tmp_path])
    toolbox.index_remove("docs")
    assert toolbox.index_status() == []


def test_a_given_engine_outlives_the_toolbox(home: Path) -> None:
    engine = engine_with(HeldEmbedder(), home)
    with Toolbox(home, engine=engine) as box:
        box.run("semantic_match", {"query": "a", "candidates": ["a"]})
    assert engine.embed(["still here"]).vectors.shape[0] == 1
    engine.close()


def test_threads_share_one_toolbox(toolbox: Toolbox) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                text = f"word{number} turn{turn}"
                found = toolbox.run("semantic_match", {"query": text, "candidates": ["other", text]})
                if found["best"] is None or found["best"]["index"] != 1:
                    wrong.append(found)
                toolbox.run("classify_email", {"subject": text})
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_home_may_be_a_setting(home: Path) -> None:
    with Toolbox(settings=Settings(home=home, checkpoint="elsewhere")) as box:
        assert box.settings.checkpoint == "elsewhere"
        assert len(box.tools()) == 5


def test_what_lies_in_an_indexed_folder_configures_nothing(
    toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cloned folder is a stranger's: its registry and settings are texts, also when it is the current folder."""
    cloned = tmp_path / "cloned"
    cloned.mkdir()
    before = toolbox.tools()
    (cloned / "instructions.yaml").write_text(GREETINGS)
    (cloned / "config.yaml").write_text("checkpoint: https://evil.test/v1\nhost: 0.0.0.0\n")
    (cloned / "openclaw_instructor.py").write_text("raise SystemExit('taken')\n")
    monkeypatch.chdir(cloned)
    toolbox.index_add("docs", [cloned])
    toolbox.index_sync("docs")
    assert toolbox.tools() == before
    usual = Settings(home=toolbox.settings.home)
    with Toolbox(toolbox.settings.home) as other:
        assert other.tools() == before
        assert (other.settings.checkpoint, other.settings.host) == (usual.checkpoint, usual.host)
