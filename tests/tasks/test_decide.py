"""Typed decisions: choices, scores and yes or no by described criteria, and by a task of the registry."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from openclaw_instructor.errors import UnsupportedInput
from openclaw_instructor.registry.kinds.classify import ClassifyTask, Label
from openclaw_instructor.tasks.classifier.corrections import Corrections
from openclaw_instructor.tasks.decide import MOST_LABELS, MOST_QUESTIONS, decide, evidence_of
from tests.placed_engine import PlacedEngine

PLACES = {
    "cats: about cats": (1.0, 0.0, 0.0),
    "dogs: about dogs": (0.0, 1.0, 0.0),
    "a purring cat": (1.0, 0.1, 0.0),
    "a barking dog": (0.1, 1.0, 0.0),
    "my cat": (0.9, 0.2, 0.0),
    "between": (0.7, 0.7, 0.0),
    "cold": (1.0, 0.0, 0.0),
    "warm": (0.7, 0.7, 0.0),
    "hot": (0.0, 1.0, 0.0),
}
CHOICE = {"type": "choice", "criteria": {"cats": "about cats", "dogs": "about dogs"}}


def resources(*tasks: ClassifyTask) -> Any:
    registry = SimpleNamespace(tasks={task.name: task for task in tasks})
    return SimpleNamespace(engine=PlacedEngine(PLACES), corrections=Corrections(Path("none")), registry=registry)


def answer(state: Any, question: dict[str, Any], *tasks: ClassifyTask) -> dict[str, Any]:
    result: dict[str, Any] = decide(state, {"q": question}, resources(*tasks))["answers"]["q"]
    return result


def test_a_choice_is_the_likeliest_label_and_every_label_has_its_share() -> None:
    found = answer("my cat", CHOICE)
    assert found["choice"] == "cats"
    assert list(found["probabilities"]) == ["cats", "dogs"]
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer("my cat", CHOICE | {"instructions": "Which?"})["choice"] == "cats"


def test_a_score_is_the_mean_place_and_stays_on_the_scale() -> None:
    found = answer("my cat", {"type": "score", "criteria": ["cold", "warm", "hot"]})
    assert found["score"] == pytest.approx(np.dot([0, 1, 2], found["probabilities"]), abs=1e-3)
    assert 0 <= found["score"] <= 2


def test_yes_or_no_needs_both_descriptions() -> None:
    sides = {"true": "cats: about cats", "false": "dogs: about dogs"}
    assert answer("my cat", {"type": "boolean", "criteria": sides})["probabilityTrue"] > 0.5
    for criteria in (None, {}, {"true": "cats: about cats"}):
        with pytest.raises(UnsupportedInput, match="both"):
            answer("my cat", {"type": "boolean", "criteria": criteria})


def task(**options: Any) -> ClassifyTask:
    labels = [
        Label(name="cats", description="about cats", examples=("a purring cat",)),
        Label(name="dogs", description="about dogs", examples=("a barking dog",)),
    ]
    return ClassifyTask(name="sort", description="d", instruction="Represent the note:", labels=labels, **options)


def test_the_labels_of_a_task_are_answered_by_that_task() -> None:
    question = {"type": "choice", "criteria": {"Dogs": None, "Cats": None}}
    found = answer("my cat", question, task())
    assert (found["task"], found["choice"]) == ("sort", "Cats")
    assert set(found["probabilities"]) == {"Cats", "Dogs"}
    unsure = answer("between", question, task(min_margin=0.5))
    assert unsure["choice"] in ("Cats", "Dogs")
    assert "too close" in unsure["abstained"]
    assert "task" not in answer("my cat", {"type": "choice", "criteria": {"cats": "about cats", "x": "cold"}}, task())


@pytest.mark.parametrize("state", [None, "", "  ", {}, []])
def test_nothing_to_judge_is_refused(state: Any) -> None:
    with pytest.raises(UnsupportedInput, match="no evidence"):
        answer(state, CHOICE)


@pytest.mark.parametrize(
    "question",
    [
        {"type": "sort"},
        {"type": "choice", "criteria": ["cats", "dogs"]},
        {"type": "choice", "criteria": {"cats": None}},
        {"type": "score", "criteria": [str(number) for number in range(MOST_LABELS + 1)]},
    ],
)
def test_questions_of_another_form_are_refused(question: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedInput, match="question `q`"):
        answer("my cat", question)


def test_too_many_questions_are_refused() -> None:
    with pytest.raises(UnsupportedInput, match="65 questions"):
        decide("my cat", {str(number): CHOICE for number in range(MOST_QUESTIONS + 1)}, resources())


def test_evidence_is_read_as_names_and_values() -> None:
    assert evidence_of({"message": "hi", "n": 3, "none": None, "tags": ["a", "b"]}) == "message: hi\nn: 3\ntags: a\nb"


def test_what_is_longer_than_the_checkpoint_reads_is_refused_and_not_cut() -> None:
    short = resources()
    short.engine = PlacedEngine(PLACES, longest=16)
    with pytest.raises(UnsupportedInput, match="the evidence is longer"):
        decide("word " * 40, {"q": CHOICE}, short)
    with pytest.raises(UnsupportedInput, match="criterion 2 is longer"):
        decide("my cat", {"q": {"type": "choice", "criteria": {"cats": None, "dogs": "word " * 40}}}, short)
