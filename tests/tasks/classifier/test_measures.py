"""Measures on answers whose truth is known."""

from __future__ import annotations

import pytest

from openclaw_instructor.tasks.classifier.measures import Answer, measures


def answers(text: str, score: float = 0.9, *, answered: bool = True) -> list[Answer]:
    """Pairs of truth and answer: "aa ab bb"."""
    return [Answer(pair[0], pair[1], score, answered) for pair in text.split()]


def test_accuracy_and_f1() -> None:
    found = measures(answers("aa aa ab bb ba"))
    assert found["accuracy"] == 0.6
    assert found["macro_f1"] == pytest.approx((2 * 2 / 6 + 2 * 1 / 4) / 2)
    assert [(row["label"], row["count"], row["recall"]) for row in found["labels"]] == [
        ("a", 3, pytest.approx(2 / 3)),
        ("b", 2, 0.5),
    ]
    assert found["confusions"] == [
        {"truth": "a", "answered": "b", "count": 1},
        {"truth": "b", "answered": "a", "count": 1},
    ]


def test_a_label_that_is_only_answered_counts_for_no_f1() -> None:
    found = measures(answers("aa ac"))
    assert found["macro_f1"] == pytest.approx(2 / 3)
    assert found["labels"][1] == {"label": "c", "count": 0, "right": 0, "precision": 0.0, "recall": None, "f1": 0.0}


def test_calibration_and_coverage() -> None:
    sure, unsure = answers("aa aa aa ab", 0.75), answers("ab aa", 0.2, answered=False)
    found = measures([*sure, *unsure])
    assert found["calibration_error"] == pytest.approx(2 / 6 * 0.3)
    assert [(row["from"], row["count"], row["accuracy"]) for row in found["reliability"]] == [
        (0.2, 2, 0.5),
        (0.7, 4, 0.75),
    ]
    assert found["coverage"] == pytest.approx(4 / 6)
    assert found["accuracy_of_answered"] == 0.75
    assert found["by_coverage"][-1] == {"coverage": 1.0, "accuracy": pytest.approx(4 / 6), "from_score": 0.2}
    assert found["by_coverage"][1]["accuracy"] == 1.0


def test_nothing_to_measure() -> None:
    assert measures([]) == {"count": 0}
    assert measures(answers("aa"))["accuracy_noise"] > 0.5, "one text tells little"
