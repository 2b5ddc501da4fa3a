from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.train.distill.corpus import LABELLED_FILES, PAIR_FILES, read_corpus, read_labelled


def put(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def task(name: str, text: str, output: str = "yes", kind: str = "classification") -> dict[str, Any]:
    return {"task": name, "input": text, "output": output, "kind": kind}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    paragraph = (
        "The old harbour was rebuilt after the storm, and fishing boats returned to it in the spring of that year."
    )
    put(
        tmp_path / "instructions" / "superni.jsonl.gz",
        [
            task(
                "task1_quoref_question_generation", f"Passage: {paragraph}", "When did the boats return?", "generation"
            ),
            task("task2_cosmos_answering", f"Context: {paragraph}\nQuestion: What was rebuilt after the storm?"),
            task("task3_amazon_review_polarity", "This kettle is the best that I have ever owned."),
            task("task4_mathdataset_answering", "What is the sum of seven and eleven and nine?"),
        ],
    )
    prompts = [{"task": "ropes_x", "prompt": "A plant in the shade grows slowly.\n7 + 4 = 11; 8 + 9 = 17"}]
    put(tmp_path / "instructions" / "p3_t0.jsonl.gz", [*prompts, {"task": "imdb_x", "prompt": "What a dreadful film."}])
    for name in PAIR_FILES:
        put(tmp_path / "pairs" / f"{name}.jsonl.gz", [])
    headings = [
        {"a": "Guide: install - requirements", "b": "You need a recent interpreter.", "repo": "pytest-dev/pytest"},
        {
            "a": "Guide: playbooks - intro",
            "b": "Playbooks are lists of plays.",
            "repo": "ansible/ansible-documentation",
        },
    ]
    put(tmp_path / "pairs" / "docs-headings.jsonl.gz", headings)
    for name in LABELLED_FILES:
        put(
            tmp_path / "labelled" / f"{name}.jsonl.gz",
            [{"text": "Title: Lake\nText: A lake in the north of it.", "label": "place"}],
        )
    (tmp_path / "sentences").mkdir()
    with gzip.open(tmp_path / "sentences" / "sentences-00.tsv.gz", "wt") as file:
        file.write("wiki-split\tThe river flows into the lake.\naeslc-email\tPlease call me back about the contract.\n")
    return tmp_path


def test_questions_are_paired_with_their_passages(data: Path) -> None:
    found = read_corpus(data)
    pairs = {(found.texts[q], found.texts[p][:20]) for q, p in found.pairs}
    assert ("When did the boats return?", "The old harbour was ") in pairs
    assert ("What was rebuilt after the storm?", "The old harbour was ") in pairs
    assert ("Guide: install - requirements", "You need a recent in") in pairs


@pytest.mark.parametrize("part", ["kettle", "seven and eleven", "dreadful film", "Playbooks", "contract", "7 + 4"])
def test_restricted_sources_and_what_is_no_prose_stay_out(data: Path, part: str) -> None:
    assert not [text for text in read_corpus(data).texts if part in text]


def test_texts_are_unique_and_the_order_is_fixed(data: Path) -> None:
    found = read_corpus(data)
    assert len(set(found.texts)) == len(found.texts)
    assert found == read_corpus(data)
    assert found.texts != read_corpus(data, seed=1).texts
    assert "The river flows into the lake." in found.texts


def test_manuals_and_packages_are_the_technical_texts(data: Path, tmp_path: Path) -> None:
    section = "Set the port in the configuration file and start the service again, which takes a second or two. " * 2
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "guide.md").write_text(f"# Guide\n\n## Choose a port\n\n{section}\n")
    found = read_corpus(data, manuals=[pages])
    technical = {found.texts[index] for index in found.technical}
    assert technical == {"Guide Choose a port", section.strip()}
    assert ("Guide Choose a port", section.strip()) in [(found.texts[q], found.texts[p]) for q, p in found.pairs]
    assert read_corpus(data).technical == []


def test_labelled_sets_have_one_facet_each(data: Path) -> None:
    topic, intent = read_labelled(data)
    assert topic.texts == ["Lake A lake in the north of it."]
    assert topic.labels == {"topic": ["place"]}
    assert list(intent.labels) == ["intent"]
