"""Measure answers against the truth: accuracy, F1 by label, confusions, calibration, and accuracy by coverage."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_BINS = 10
_CURVE = tuple(share / 10 for share in range(1, 11))


@dataclass(frozen=True)
class Answer:
    """One text: its true label, the most probable one, that one's score, and whether it was answered."""

    truth: str
    best: str
    score: float
    answered: bool


def measures(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return all measures as JSON; of no answers, only their count.

    `accuracy`, `macro_f1` and `labels` are of the most probable label, whether or not the task would have answered it;
    `coverage` is the share that it answers, `accuracy_of_answered` that of those. `accuracy_noise` is the half width of
    the 95% interval of the accuracy. `calibration_error` is the mean distance of score and accuracy over the bins of
    `reliability`, weighted by their counts. `by_coverage` is the accuracy of the surest so many.
    """
    if not answers:
        return {"count": 0}
    right = [answer.truth == answer.best for answer in answers]
    answered = [answer for answer in answers if answer.answered]
    by_label = _by_label(answers)
    reliability = _reliability(answers)
    accuracy = sum(right) / len(answers)
    return {
        "count": len(answers),
        "accuracy": accuracy,
        "accuracy_noise": 1.96 * math.sqrt(max(accuracy * (1 - accuracy), 1 / len(answers) / 4) / len(answers)),
        "macro_f1": macro_f1(answers),
        "coverage": len(answered) / len(answers),
        "accuracy_of_answered": _accuracy(answered),
        "calibration_error": sum(b["count"] * abs(b["mean_score"] - b["accuracy"]) for b in reliability) / len(answers),
        "labels": by_label,
        "confusions": [
            {"truth": truth, "answered": best, "count": count}
            for (truth, best), count in Counter((a.truth, a.best) for a in answers if a.truth != a.best).most_common()
        ],
        "reliability": reliability,
        "by_coverage": _by_coverage(answers),
    }


def macro_f1(answers: Sequence[Answer]) -> float:
    """Return the mean F1 over the labels that occur in the truth."""
    scores = [row["f1"] for row in _by_label(answers) if row["count"]]
    return sum(scores) / len(scores) if scores else 0.0


def _by_label(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    truths, bests = Counter(a.truth for a in answers), Counter(a.best for a in answers)
    hits = Counter(a.truth for a in answers if a.truth == a.best)
    rows = []
    for label in sorted(truths | bests, key=lambda each: (-truths[each], each)):
        total = truths[label] + bests[label]
        rows.append(
            {
                "label": label,
                "count": truths[label],
                "right": hits[label],
                "precision": hits[label] / bests[label] if bests[label] else None,
                "recall": hits[label] / truths[label] if truths[label] else None,
                "f1": 2 * hits[label] / total if total else 0.0,
            }
        )
    return rows


def _reliability(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    bins: list[list[Answer]] = [[] for _ in range(_BINS)]
    for answer in answers:
        bins[min(_BINS - 1, int(answer.score * _BINS))].append(answer)
    return [
        {
            "from": number / _BINS,
            "to": (number + 1) / _BINS,
            "count": len(some),
            "mean_score": sum(a.score for a in some) / len(some),
            "accuracy": _accuracy(some),
        }
        for number, some in enumerate(bins)
        if some
    ]


def _by_coverage(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    surest = sorted(answers, key=lambda answer: -answer.score)
    rows = []
    for share in _CURVE:
        some = surest[: max(1, round(share * len(surest)))]
        rows.append({"coverage": share, "accuracy": _accuracy(some), "from_score": some[-1].score})
    return rows


def _accuracy(answers: Sequence[Answer]) -> float | None:
    return sum(a.truth == a.best for a in answers) / len(answers) if answers else None
