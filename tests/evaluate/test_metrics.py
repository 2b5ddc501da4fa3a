"""Values made by mteb 2.26 on the same vectors (test_mteb.py compares live where mteb is installed), and small cases
whose answer can be told by hand."""

from __future__ import annotations

import math
import re
import sys

import numpy as np
import pytest

from openclaw_instructor import distribution
from openclaw_instructor.errors import MissingExtra
from openclaw_instructor.evaluate import metrics
from tests.evaluate.vectors import problem

P = problem()


def test_sts() -> None:
    expected = {"cosine_spearman": 0.66279, "cosine_pearson": 0.63234}
    assert metrics.sts(P.first, P.second, P.scores) == pytest.approx(expected, abs=1e-4)


def test_classification() -> None:
    scores = metrics.classification(P.first[:80], P.labels[:80], P.first[80:], P.labels[80:])
    assert scores == pytest.approx({"accuracy": 0.75, "f1": 0.73622}, abs=1e-4)


def test_pair_classification() -> None:
    expected = {"max_ap": 0.97995, "max_accuracy": 0.94167, "max_f1": 0.92308}
    expected |= {"cosine_ap": 0.94184, "cosine_accuracy": 0.91667, "cosine_f1": 0.86842}
    assert metrics.pair_classification(P.first, P.second, P.same) == pytest.approx(expected, abs=1e-4)


def test_clustering() -> None:
    assert metrics.clustering(P.first, P.labels, sample=500)["v_measure"] == pytest.approx(0.25857, abs=5e-3)


def test_ranking() -> None:
    expected = {"ndcg_at_10": 0.20803, "map_at_10": 0.10445, "recall_at_10": 0.23077, "precision_at_10": 0.24167}
    expected |= {"mrr_at_10": 0.50602, "ndcg_at_3": 0.15674}
    scores = metrics.ranking(P.runs, P.relevant)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_ndcg_by_hand() -> None:
    scores = metrics.ranking({"q": {"a": 3.0, "b": 2.0, "c": 1.0}}, {"q": {"b": 2, "c": 1, "far": 1}})
    gained = 2 / math.log2(3) + 1 / math.log2(4)
    best = 2 + 1 / math.log2(3) + 1 / math.log2(4)
    assert scores["ndcg_at_10"] == pytest.approx(gained / best)
    assert scores["mrr_at_10"] == 0.5
    assert scores["recall_at_10"] == pytest.approx(2 / 3)


def test_a_query_without_judgement_does_not_count() -> None:
    run = {"a": 1.0}
    assert metrics.ranking({"q": run, "unjudged": run}, {"q": {"a": 1}})["ndcg_at_10"] == 1.0


def test_equal_scores_rank_by_document_id_descending() -> None:
    assert metrics.ranking({"q": {"a": 1.0, "b": 1.0}}, {"q": {"b": 1}})["mrr_at_1"] == 1.0
    assert metrics.ranking({"q": {"a": 1.0, "b": 1.0}}, {"q": {"a": 1}})["mrr_at_1"] == 0.0


def test_neighbours_leave_the_text_itself_out() -> None:
    # Each vector's nearest other one carries the other label: only a text's own vote could be right.
    angles = np.array([0.0, 0.01, 1.0, 1.01])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert metrics.neighbours(vectors, ["x", "y", "x", "y"], k=1) == 0.0
    assert metrics.neighbours(vectors, ["x", "x", "y", "y"], k=1) == 1.0


@pytest.mark.parametrize("count", [2, 5, 10, 11])
def test_neighbours_of_few_texts_are_all_others(count: int) -> None:
    vectors = np.eye(count, dtype=np.float32) * 0.1 + 1.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert metrics.neighbours(vectors, ["x"] * count) == 1.0
    # Every other text is as near, so the one of the other label is outvoted and outvotes nobody.
    assert metrics.neighbours(vectors, ["x"] * (count - 1) + ["y"]) == pytest.approx((count - 1) / count * (count > 2))


def test_a_missing_extra_is_named_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtra, match=re.escape(distribution.pip_line("evaluate"))):
        metrics.sts(P.first, P.second, P.scores)
