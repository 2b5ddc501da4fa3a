"""Kind match: ranking, threshold, duplicates, and what is said when nothing fits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from openclaw_instructor.registry.kinds.match import MatchTask
from openclaw_instructor.tasks import match
from tests.placed_engine import PlacedEngine

TASK = MatchTask(
    name="find", description="d", instruction="Represent the sentence for matching:", top_k=3, threshold=0.5
)
PLACES = {"query": (1.0, 0.0), "same": (1.0, 0.0), "near": (4.0, 3.0), "far": (3.0, 4.0), "apart": (0.0, 1.0)}


def run(**arguments: Any) -> tuple[dict[str, Any], PlacedEngine]:
    engine = PlacedEngine(PLACES)
    return match.run(TASK, {"query": "query", **arguments}, SimpleNamespace(engine=engine)), engine  # type: ignore[arg-type]


def test_candidates_are_ranked_by_cosine() -> None:
    result, _ = run(candidates=["apart", "far", "near", "same"])
    assert result["matches"] == [
        {"rank": 1, "index": 3, "text": "same", "score": 1.0},
        {"rank": 2, "index": 2, "text": "near", "score": pytest.approx(0.8)},
        {"rank": 3, "index": 1, "text": "far", "score": pytest.approx(0.6)},
    ]
    assert result["best"] == result["matches"][0]
    assert (result["count"], result["threshold"], result["notes"]) == (3, 0.5, [])


def test_both_sides_carry_the_tasks_instruction_in_one_call() -> None:
    _, engine = run(candidates=["near"])
    assert engine.calls == [("Represent the sentence for matching: ", ["query", "near"])]


def test_duplicates_are_embedded_once_and_keep_their_index() -> None:
    result, engine = run(candidates=["near", "same", "near"])
    assert [(found["index"], found["score"]) for found in result["matches"]] == [
        (1, 1.0),
        (0, pytest.approx(0.8)),
        (2, pytest.approx(0.8)),
    ]
    assert engine.calls[0][1] == ["query", "near", "same"]


def test_nothing_above_the_threshold_names_the_closest() -> None:
    result, _ = run(candidates=["apart", "far"], threshold=0.9)
    assert (result["matches"], result["count"], result["best"]) == ([], 0, None)
    assert result["notes"] == ["no candidate reaches the threshold 0.9; the closest is index 1 with 0.60"]


def test_what_top_k_hides_is_counted() -> None:
    result, _ = run(candidates=["same", "near", "far"], top_k=1)
    assert [found["index"] for found in result["matches"]] == [0]
    assert result["notes"] == ["2 more reach the threshold; raise `top_k` to see them"]


def test_empty_candidates_never_match_but_are_mentioned() -> None:
    result, engine = run(candidates=["", "same", "  "], threshold=-1)
    assert [found["index"] for found in result["matches"]] == [1]
    assert result["notes"] == ["2 empty candidate(s) were left out"]
    assert engine.calls[0][1] == ["query", "same"]


def test_only_empty_candidates() -> None:
    result, _ = run(candidates=[" ", ""])
    assert (result["matches"], result["best"]) == ([], None)
    assert result["notes"] == ["2 empty candidate(s) were left out"]


def test_truncation_is_said() -> None:
    engine = PlacedEngine(PLACES, longest=4)
    result = match.run(TASK, {"query": "query", "candidates": ["same"]}, SimpleNamespace(engine=engine))  # type: ignore[arg-type]
    assert result["truncated"] is True
    assert result["notes"] == ["a text is longer than the checkpoint reads; its end was left out"]
