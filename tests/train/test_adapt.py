from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.errors import InvalidArguments, InvalidData
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings
from openclaw_instructor.train import medi
from openclaw_instructor.train.adapt import Adaptation, adapt
from tests.evaluate.sets import jsonl
from tests.train import toy

# Which words decide is arbitrary: no checkpoint can know it before it has seen the labels.
SIGNS = {"billing": ["invoice", "pay"], "support": ["encoder", "task"]}
QUICK = {"epochs": 4.0, "learning_rate": 3e-3, "dtype": "float32", "device": "cpu", "batch_size": 16}


def rows(count: int, seed: int = 0) -> list[dict[str, str]]:
    draw = random.Random(seed)
    neutral = [word for word in toy.WORDS if not any(word in signs for signs in SIGNS.values())]
    made = []
    for index in range(count):
        label = ("billing", "support")[index % 2]
        # Among so many words random weights tell the one that decides from the others in three of four texts or so.
        words = [*draw.choices(neutral, k=12), draw.choice(SIGNS[label])]
        draw.shuffle(words)
        made.append({"text": " ".join(words), "label": label})
    return made


def run(source: Path, checkpoint: Path, folder: Path, task: str = "classify_email", **options: Any) -> Adaptation:
    start = Checkpoint.open(checkpoint)
    return adapt(source, Registry.load(Settings.load()).get(task), start, folder, QUICK | options)


def test_a_checkpoint_learns_labels_it_could_not_know(tmp_path: Path, tiny_checkpoint: Path) -> None:
    result = run(jsonl(tmp_path / "labels.jsonl", rows(200)), tiny_checkpoint, tmp_path / "own")
    assert result.held_out == 40
    assert result.before < 0.9
    assert result.after > result.before + 0.1
    assert result.improved
    assert result.certain
    assert Checkpoint.open(result.checkpoint).identity != Checkpoint.open(tiny_checkpoint).identity
    assert not (tmp_path / ".runs" / "own").exists()


def test_labels_without_a_reason_do_not_look_learnt(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """The held-out rows really are held out: noise cannot be learnt, however well the training rows are."""
    draw = random.Random(1)
    noise = [row | {"label": draw.choice(["billing", "support"])} for row in rows(100)]
    result = run(jsonl(tmp_path / "noise.jsonl", noise), tiny_checkpoint, tmp_path / "own")
    assert 0.2 < result.after < 0.8
    # What was learnt from noise can be worse than what random weights told before, never reliably better.
    assert not (result.improved and result.certain)
    assert any("chance" in note or "did not help" in note for note in result.notes)


def test_pairs_adapt_a_search_task(tmp_path: Path, tiny_checkpoint: Path) -> None:
    pairs = [{"query": row["query"][1], "document": row["pos"][1]} for row in toy.records(60)]
    result = run(jsonl(tmp_path / "pairs.jsonl", pairs), tiny_checkpoint, tmp_path / "own", "search_docs")
    assert result.metric == "mean reciprocal rank"
    assert result.after > result.before


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([{"a": "x", "b": "y"}, {"a": "x", "b": None}], r"pairs\.jsonl:2: rows are"),
        ([{"a": "x", "b": "y", "neg": 5}], r"pairs\.jsonl:1: field `neg` is 5; it must be a list of texts"),
        ([{"a": "x", "b": "y", "neg": ["z", None]}], r"pairs\.jsonl:1: field `neg`"),
        ([{"a": f"x{i % 5}", "b": f"y{i}"} for i in range(30)], "30 pairs of 5 queries; give at least 10"),
    ],
)
def test_pairs_that_cannot_be_learnt_are_refused(
    tmp_path: Path, tiny_checkpoint: Path, made: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(InvalidData, match=said):
        run(jsonl(tmp_path / "pairs.jsonl", made), tiny_checkpoint, tmp_path / "own", "search_docs")


def test_every_document_of_a_query_is_learnt_or_held_out(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = [row["query"][1] for row in toy.records(12)]
    pairs = [{"query": queries[i % 12], "document": f"{queries[i % 12]} {i}", "neg": "no"} for i in range(60)]
    learnt: list[dict[str, Any]] = []
    write = medi.write

    def kept(path: Path, records: Iterator[dict[str, Any]]) -> int:
        learnt.extend(records)
        return write(path, iter(learnt))

    monkeypatch.setattr(medi, "write", kept)
    source = jsonl(tmp_path / "pairs.jsonl", [*pairs, pairs[0]])
    result = run(source, tiny_checkpoint, tmp_path / "own", "search_docs", epochs=1.0)
    assert (result.held_out, result.trained_on) == (2, 50)
    assert len({row["query"][1] for row in learnt}) == 10
    assert all(row["neg"] == [[row["pos"][0], "no"]] for row in learnt)


def test_any_of_a_querys_documents_may_be_found_first(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Each query has itself and a text of another query for documents: it finds itself first, and that is right."""
    queries = [f"{word} {i}" for i, word in enumerate(toy.WORDS)]
    pairs = [{"a": text, "b": other} for i, text in enumerate(queries) for other in (text, queries[i - 1])]
    source = jsonl(tmp_path / "pairs.jsonl", pairs)
    result = run(source, tiny_checkpoint, tmp_path / "own", "semantic_match", epochs=1.0)
    assert result.before == 1.0


def test_emails_in_parts_are_read_as_the_task_reads_them(tmp_path: Path, tiny_checkpoint: Path) -> None:
    mails: list[dict[str, Any]] = [
        {"subject": row["text"], "body": "<p>Hello</p>", "label": row["label"]} for row in rows(20)
    ]
    mails += [{"raw": f"Subject: {row['text']}\n\nHello", "label": row["label"]} for row in rows(10, seed=2)]
    result = run(jsonl(tmp_path / "mails.jsonl", mails), tiny_checkpoint, tmp_path / "own", epochs=1.0)
    assert result.held_out + result.trained_on == 30


def test_labels_that_the_task_does_not_have_are_mentioned(tmp_path: Path, tiny_checkpoint: Path) -> None:
    own = [row | {"label": {"billing": "billing", "support": "zebra"}[row["label"]]} for row in rows(20)]
    result = run(jsonl(tmp_path / "own.jsonl", own), tiny_checkpoint, tmp_path / "own", epochs=1.0)
    assert any("`zebra` is not one of classify_email" in note for note in result.notes)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (rows(6), "give at least 10"),
        ([row | {"label": "one"} for row in rows(20)], "of two labels"),
        ([{"text": f"text {i}", "label": f"label {i}"} for i in range(12)], "three texts"),
        ([{"label": "x"}], r"labels\.jsonl:1: there is no text"),
        ([{"text": "x"}], r"labels\.jsonl:1: field `label` is missing"),
        ([*rows(1), {"text": None, "label": "x"}], r"labels\.jsonl:2: field `text` is null; it must be a text"),
        ([{"text": "x", "label": None}], r"labels\.jsonl:1: field `label` is null"),
        ([{"raw": None, "label": "x"}], r"labels\.jsonl:1: field `raw` is null"),
        ([{"subject": ["x"], "body": None, "label": "x"}], r"labels\.jsonl:1: field `subject` is"),
    ],
)
def test_data_that_cannot_be_learnt_are_refused(
    tmp_path: Path, tiny_checkpoint: Path, made: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(InvalidData, match=said):
        run(jsonl(tmp_path / "labels.jsonl", made), tiny_checkpoint, tmp_path / "own")


def test_a_checkpoint_that_is_there_is_never_overwritten(tmp_path: Path, tiny_checkpoint: Path) -> None:
    (tmp_path / "own").mkdir()
    with pytest.raises(InvalidArguments, match="choose another --name"):
        run(jsonl(tmp_path / "labels.jsonl", rows(20)), tiny_checkpoint, tmp_path / "own")


def test_one_command_adapts_and_says_how_to_use_it(
    tmp_path: Path, tiny_checkpoint: Path, command: Callable[..., Any], home: Path
) -> None:
    source = jsonl(tmp_path / "labels.jsonl", rows(40))
    words = ["train", "--from", str(source), "--task", "classify_email", "--checkpoint", str(tiny_checkpoint)]
    first = command(*words, "--epochs", "6", "--learning-rate", "0.003")
    assert first.status == 0
    assert "before" in first.out
    assert ("model use" in first.err) != ("did not help" in first.err)
    second = command(*words, "--epochs", "1", "--json")
    assert second.json["checkpoint"] == str(home / "checkpoints" / "classify_email-2")
    assert set(second.json) >= {"before", "after", "improved", "held_out", "metric", "notes"}


def test_from_needs_a_known_task(tmp_path: Path, command: Callable[..., Any]) -> None:
    source = jsonl(tmp_path / "labels.jsonl", rows(20))
    assert "needs --task" in command("train", "--from", str(source)).err
    lost = command("train", "--from", str(source), "--task", "classify_email", "--out", "run")
    assert "so --out has no meaning there" in lost.err
    assert "so --name has no meaning there" in command("train", str(source), "--out", "run", "--name", "x").err
    output = command("train", "--from", str(source), "--task", "clasify_email", "--json")
    assert (output.status, output.json["error"]["code"]) == (2, "unknown_task")
