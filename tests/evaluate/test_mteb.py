"""Our metrics against mteb's own code on the same vectors, and the adapter inside mteb. Runs where mteb is installed;
the values in test_metrics.py were made by it and run everywhere."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from openclaw_instructor.evaluate import metrics
from tests.evaluate.vectors import problem

pytest.importorskip("mteb")
pytestmark = pytest.mark.filterwarnings("ignore")


def test_similarity_scores_are_mtebs() -> None:
    from mteb.abstasks.sts import AbsTaskSTS
    from sklearn.metrics.pairwise import paired_cosine_distances

    p = problem()
    scores = {"cosine_scores": (1 - paired_cosine_distances(p.first, p.second)).tolist(), "similarity_scores": None}
    scores |= dict.fromkeys(("manhattan_distances", "euclidean_distances"), scores["cosine_scores"])
    theirs = AbsTaskSTS._calculate_scores(None, scores, p.scores)  # type: ignore[arg-type]
    ours = metrics.sts(p.first, p.second, p.scores)
    assert ours == pytest.approx({name: theirs[name] for name in ours}, abs=1e-6)


def test_classification_is_mtebs() -> None:
    from mteb.abstasks.classification import AbsTaskClassification

    p = problem()
    model = AbsTaskClassification.evaluator_model.set_params(random_state=42)
    predicted = model.fit(p.first[:80], p.labels[:80]).predict(p.first[80:])
    theirs = AbsTaskClassification._calculate_scores(None, p.labels[80:], predicted)  # type: ignore[arg-type]
    ours = metrics.classification(p.first[:80], p.labels[:80], p.first[80:], p.labels[80:])
    assert ours == pytest.approx({"accuracy": theirs["accuracy"], "f1": theirs["f1"]})


def test_pair_classification_is_mtebs() -> None:
    from mteb.abstasks.pair_classification import AbsTaskPairClassification as Theirs

    p = problem()

    class Bare(Theirs):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

    cosine = metrics._cosine(p.first, p.second)
    theirs = Bare()._compute_metrics_values(list(cosine), np.array(p.same), True)
    ours = metrics.pair_classification(p.first, p.second, p.same)
    for name in ("ap", "accuracy", "f1"):
        assert ours[f"cosine_{name}"] == pytest.approx(theirs[name], abs=1e-6)
    distance = np.abs(p.first - p.second).sum(axis=1)
    by_distance = Bare()._compute_metrics_values(list(distance), np.array(p.same), False)
    assert ours["max_ap"] >= by_distance["ap"] - 1e-6


def test_clustering_is_mtebs() -> None:
    from mteb.abstasks.clustering import _evaluate_clustering_bootstrapped

    p = problem()
    theirs, _ = _evaluate_clustering_bootstrapped(
        p.first,
        [[label] for label in p.labels],
        n_clusters=10,
        cluster_size=500,
        kmean_batch_size=512,
        max_depth=None,
        rng_state=random.Random(42),
        seed=42,
    )
    assert metrics.clustering(p.first, p.labels, sample=500)["v_measure"] == pytest.approx(
        np.mean(theirs["v_measure"]["Level 0"])
    )


def test_ranking_is_mtebs() -> None:
    from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores

    p = problem()
    theirs = calculate_retrieval_scores(p.runs, p.relevant, metrics.CUTOFFS)
    ours = metrics.ranking(p.runs, p.relevant)
    for k in metrics.CUTOFFS:
        assert ours[f"ndcg_at_{k}"] == pytest.approx(theirs.ndcg[f"NDCG@{k}"], abs=1e-5)
        assert ours[f"map_at_{k}"] == pytest.approx(theirs.map[f"MAP@{k}"], abs=1e-5)
        assert ours[f"recall_at_{k}"] == pytest.approx(theirs.recall[f"Recall@{k}"], abs=1e-5)
        assert ours[f"precision_at_{k}"] == pytest.approx(theirs.precision[f"P@{k}"], abs=1e-5)
        assert ours[f"mrr_at_{k}"] == pytest.approx(theirs.mrr[f"MRR@{k}"], abs=1e-5)


def test_adapter_satisfies_mtebs_protocol_and_gives_each_side_its_instruction(tiny_checkpoint: Path) -> None:
    from mteb.models import EncoderProtocol
    from mteb.types import PromptType

    from openclaw_instructor.evaluate.mteb_model import MtebModel

    model = MtebModel(str(tiny_checkpoint))
    assert isinstance(model, EncoderProtocol)
    batches: list[dict[str, Any]] = [{"text": ["one text", "another"]}, {"text": ["a third"]}]
    task = SimpleNamespace(name="Anything", type="Retrieval")
    query = model.encode(batches, task_metadata=task, prompt_type=PromptType.query)
    document = model.encode(batches, task_metadata=task, prompt_type=PromptType.document)
    assert query.shape == (3, model.mteb_model_meta.embed_dim)
    assert not np.allclose(query, document)
    assert np.allclose(np.diag(model.similarity(query, document)), model.similarity_pairwise(query, document))


def test_adapter_runs_a_whole_mteb_task(tiny_checkpoint: Path, tmp_path: Path) -> None:
    import mteb
    from mteb.cache import ResultCache
    from mteb.mocks.mock_tasks import MockSTSTask

    from openclaw_instructor.evaluate.mteb_model import MtebModel

    model = MtebModel(str(tiny_checkpoint))
    result = mteb.evaluate(model, MockSTSTask(), cache=ResultCache(tmp_path), co2_tracker=False)
    assert -1 <= result.task_results[0].get_score() <= 1
