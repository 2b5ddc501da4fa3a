"""p-MRR and robustness, on cases that can be reckoned by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from openclaw_instructor.evaluate import evaluate, instructed
from openclaw_instructor.evaluate.datasets import find
from openclaw_instructor.evaluate.instruction_retrieval import p_mrr, rank_change
from tests.evaluate import sets
from tests.evaluate.planes import Planes


@pytest.mark.parametrize(
    ("before", "after", "change"), [(1, 4, 0.75), (4, 1, -0.75), (3, 3, 0.0), (10, 20, 0.5), (20, 10, -0.5)]
)
def test_a_document_that_falls_counts_for_the_model(before: int, after: int, change: float) -> None:
    assert rank_change(before, after) == pytest.approx(change)


def test_p_mrr_is_the_mean_of_documents_and_of_pairs() -> None:
    ranks = {"a": {"x": 1, "y": 2, "z": 3}, "b": {"x": 2, "y": 1, "z": 3}}
    # From a to b, x and z lose their relevance: 1 - 1/2 and 0. From b to a, y does: 1 - 1/2.
    assert p_mrr(ranks, {"a": {"x", "z"}, "b": {"y"}}) == pytest.approx((0.25 + 0.5) / 2)
    assert math.isnan(p_mrr(ranks, {"a": {"x"}, "b": {"x"}}))
    # As in FollowIR: the second instruction only narrows the first, so one direction counts.
    assert p_mrr(ranks, {"a": {"x", "y"}, "b": {"y"}}) == pytest.approx(0.5)


def planar(folder: Path) -> Path:
    """One query with two instructions: `Planes` turns it to the east under one and to the north under the other."""
    corpus = [{"id": name, "text": f"{name} {angle}"} for name, angle in (("e", 0), ("n", 90), ("w", 180))]
    sets.jsonl(folder / "set/corpus.jsonl", corpus)
    rows = [
        {"id": "1", "text": "q 44", "instruction": "turn -40"},
        {"id": "2", "text": "q 44", "instruction": "turn 40"},
    ]
    sets.jsonl(folder / "set/instructed.jsonl", rows)
    (folder / "set/qrels.tsv").write_text("1\te\t1\n2\tn\t1\n2\te\t0\n")
    return folder


def test_instructions_that_turn_the_query_are_measured(tmp_path: Path) -> None:
    report = evaluate(planar(tmp_path), [Planes()]).as_dict()
    scores = {row["mode"]: row["metrics"] for row in report["results"]}
    # East first and north second under one instruction, the other way round under the other.
    assert scores["prompt"] == pytest.approx({"p_mrr": 0.5, "robustness_at_10": 1.0, "ndcg_at_10": 1.0})
    # In the text the instructions change nothing, and east is the nearer.
    second = 1 / math.log2(3)
    assert scores["text"] == pytest.approx({"p_mrr": 0.0, "robustness_at_10": second, "ndcg_at_10": (1 + second) / 2})


def test_without_instructions_only_the_text_is_left(tmp_path: Path) -> None:
    report = evaluate(planar(tmp_path), [Planes()], instructions=["none"]).as_dict()
    assert [row["mode"] for row in report["results"]] == ["text"]


def test_all_instructions_of_a_query_are_taken(tmp_path: Path) -> None:
    assert evaluate(planar(tmp_path), [Planes()], limit=2).results[0].score == pytest.approx(0.5)


def test_sets_are_made_of_labelled_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ("card_arrival", "card_linking", "exchange_rate")
    rows = [{"text": f"{label} {number}", "label": label} for label in labels for number in range(3)]
    sets.jsonl(tmp_path / "in/bank/train.jsonl", rows)
    sets.jsonl(tmp_path / "in/bank/test.jsonl", rows)
    instructed.main([str(tmp_path / "in"), str(tmp_path / "out"), "--pairs", "2", "--texts", "2"])
    assert capsys.readouterr().out == "bank: 6 texts, 2 pairs of labels\n"
    (made,) = find(tmp_path / "out").datasets
    queries = made.rows("instructed")
    assert (made.kind, [row["text"] for row in queries].count("card")) == ("instruction-retrieval", 4)
    assert queries[0]["instruction"] == "Represent the query for retrieving texts that concern card arrival:"
    texts = {row["id"]: row["text"] for row in made.rows("corpus")}
    for name, judged in made.judgements().items():
        assert all(name.split("/")[1] in texts[document] for document in judged)
    json.dumps(evaluate(tmp_path / "out", [Planes()]).as_dict(), allow_nan=False)
