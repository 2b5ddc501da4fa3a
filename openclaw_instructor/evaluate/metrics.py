"""Compute the scores of each kind of task, on vectors or rankings, as `mteb` 2 defines them.

Definitions: Muennighoff et al., "MTEB: Massive Text Embedding Benchmark", EACL 2023; ranking measures as in trec_eval.
Every function returns plain floats. Vectors are (n, dimension) float32.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor.evaluate.extras import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

MAIN = {
    "sts": "cosine_spearman",
    "classification": "accuracy",
    "pair-classification": "max_ap",
    "clustering": "v_measure",
    "reranking": "map_at_1000",
    "retrieval": "ndcg_at_10",
    "text-evaluation": "cosine_spearman",
    "prompt-retrieval": "label_agreement",
    "instruction-retrieval": "p_mrr",
}
_LIBRARIES = {
    "sts": "scipy.stats",
    "text-evaluation": "scipy.stats",
    "classification": "sklearn.linear_model",
    "pair-classification": "sklearn.metrics",
    "clustering": "sklearn.cluster",
}
CUTOFFS = (1, 3, 5, 10, 20, 100, 1000)
SEED = 42


class Undefined(Exception):
    """A measure has no value on these data, whatever the vectors; the message says why."""


def check_classes(labels: Sequence[Any], what: str) -> None:
    """Raise Undefined unless `labels` are at least two different ones."""
    if len(set(labels)) < 2:
        only = f"all of label {labels[0]!r}" if labels else "none"
        raise Undefined(f"{what}: {only}; a score needs two different labels")


def need_for(kinds: Iterable[str]) -> None:
    """Import what measures these kinds. Raises MissingExtra."""
    for kind in kinds:
        if kind in _LIBRARIES:
            need(_LIBRARIES[kind], "evaluate")


def sts(first: Vectors, second: Vectors, scores: Sequence[float]) -> dict[str, float]:
    """Correlate the pairs' cosines with the human scores; NaN where either side is constant."""
    return _correlations(_cosine(first, second), scores)


def text_evaluation(hypotheses: Vectors, references: Sequence[Vectors], scores: Sequence[float]) -> dict[str, float]:
    """Correlate each hypothesis's highest cosine with one of its references with the human scores.

    Definition: Kasai et al., "Bidimensional Leaderboards", NAACL 2022, as Su et al. (2023) use it; they report Pearson.
    """
    closest = [
        float(_cosine(np.broadcast_to(hypothesis, own.shape), own).max())
        for hypothesis, own in zip(hypotheses, references, strict=True)
    ]
    return _correlations(np.asarray(closest), scores)


def _correlations(similarity: Any, scores: Sequence[float]) -> dict[str, float]:
    stats = need("scipy.stats", "evaluate")
    if np.ptp(similarity) == 0 or np.ptp(np.asarray(scores)) == 0:
        return {"cosine_spearman": math.nan, "cosine_pearson": math.nan}
    return {
        "cosine_spearman": float(stats.spearmanr(scores, similarity)[0]),
        "cosine_pearson": float(stats.pearsonr(scores, similarity)[0]),
    }


def classification(
    train: Vectors, train_labels: Sequence[str], test: Vectors, test_labels: Sequence[str]
) -> dict[str, float]:
    """Fit a logistic regression (at most 100 iterations) on `train`, score it on `test`; f1 is the macro average."""
    from warnings import catch_warnings, simplefilter

    linear = need("sklearn.linear_model", "evaluate")
    measure = need("sklearn.metrics", "evaluate")
    model = linear.LogisticRegression(max_iter=100, random_state=SEED)
    with catch_warnings():
        # `mteb` uses 100 iterations, converged or not.
        simplefilter("ignore", need("sklearn.exceptions", "evaluate").ConvergenceWarning)
        model.fit(train, list(train_labels))
    predicted = model.predict(test)
    return {
        "accuracy": float(measure.accuracy_score(test_labels, predicted)),
        "f1": float(measure.f1_score(test_labels, predicted, average="macro")),
    }


def pair_classification(first: Vectors, second: Vectors, labels: Sequence[int]) -> dict[str, float]:
    """Compute average precision and the best accuracy and F1 over all thresholds; `max_*` over four similarities."""
    similarities = {
        "cosine": _cosine(first, second),
        "dot": (first * second).sum(axis=1),
        "euclidean": -np.sqrt(((first - second) ** 2).sum(axis=1)),
        "manhattan": -np.abs(first - second).sum(axis=1),
    }
    truth = np.asarray(labels)
    scores = {name: _pair_scores(values, truth) for name, values in similarities.items()}
    result = {f"max_{name}": max(each[name] for each in scores.values()) for name in ("ap", "accuracy", "f1")}
    return result | {f"cosine_{name}": value for name, value in scores["cosine"].items()}


def clustering(
    vectors: Vectors, labels: Sequence[str], experiments: int = 10, sample: int = 16_384
) -> dict[str, float]:
    """Compute the V-measure of mini-batch k-means, averaged over bootstrap samples of the texts."""
    cluster = need("sklearn.cluster", "evaluate")
    measure = need("sklearn.metrics", "evaluate")
    truth = np.asarray(labels)
    draw = random.Random(SEED)  # noqa: S311  (the benchmark's own draw, to be repeated)
    model = cluster.MiniBatchKMeans(
        n_clusters=len(np.unique(truth)), batch_size=512, init="k-means++", n_init=1, random_state=SEED
    )
    values = []
    for _ in range(experiments):
        chosen = draw.choices(range(len(vectors)), k=sample)
        values.append(float(measure.v_measure_score(truth[chosen], model.fit_predict(vectors[chosen]))))
    return {"v_measure": float(np.mean(values)), "v_measure_std": float(np.std(values))}


def ranking(runs: Mapping[str, Mapping[str, float]], relevant: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    """Score `runs` (query -> document -> score) against `relevant` (query -> document -> grade), mean of queries.

    As trec_eval: the gain is the grade itself, equal scores rank by document id, descending. Queries that have no run
    or no judgement are left out.
    """
    queries = [query for query in runs if query in relevant]
    rows = [_rank_one(runs[query], relevant[query]) for query in queries]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}


def neighbours(vectors: Vectors, labels: Sequence[str], k: int = 10) -> float:
    """Compute the leave-one-out accuracy of a vote of the `k` nearest other texts by cosine.

    Each vote is weighted by its similarity; where there are fewer than `k` others, all vote.
    """
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    names, truth = np.unique(np.asarray(labels), return_inverse=True)
    k = min(k, len(vectors) - 1)
    nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
    votes = np.zeros((len(vectors), len(names)))
    rows = np.arange(len(vectors))[:, None]
    np.add.at(votes, (np.broadcast_to(rows, nearest.shape), truth[nearest]), similarity[rows, nearest])
    return float((votes.argmax(axis=1) == truth).mean())


def _cosine(first: Vectors, second: Vectors) -> Any:
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / np.maximum(norms, 1e-12)


def _pair_scores(similarity: NDArray[np.floating[Any]], truth: NDArray[np.int64]) -> dict[str, float]:
    measure = need("sklearn.metrics", "evaluate")
    order = np.argsort(-similarity, kind="stable")
    ranked, found = similarity[order], np.cumsum(truth[order])
    taken = np.arange(1, len(truth) + 1)
    # A threshold cannot separate equal similarities, and must be above the last pair.
    usable = np.flatnonzero(ranked[:-1] != ranked[1:])
    positives = int(truth.sum())
    negatives_left = (len(truth) - positives) - (taken - found)
    accuracy = (found + negatives_left) / len(truth)
    f1 = 2 * found / (taken + positives)
    return {
        "ap": float(measure.average_precision_score(truth, similarity)),
        "accuracy": float(accuracy[usable].max(initial=0.0)),
        "f1": float(f1[usable].max(initial=0.0)),
    }


def _rank_one(run: Mapping[str, float], grades: Mapping[str, int]) -> dict[str, float]:
    order = sorted(run, key=lambda document: (run[document], document), reverse=True)
    gains = [max(0, grades.get(document, 0)) for document in order]
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    hits = np.cumsum([gain > 0 for gain in gains]) if gains else np.zeros(0)
    precisions = [hits[i] / (i + 1) if gain > 0 else 0.0 for i, gain in enumerate(gains)]
    first = next((i for i, gain in enumerate(gains) if gain > 0), None)
    total = len(ideal)
    row: dict[str, float] = {}
    for k in CUTOFFS:
        best = _discounted(ideal[:k])
        found = hits[min(k, len(gains)) - 1] if gains else 0
        row[f"ndcg_at_{k}"] = _discounted(gains[:k]) / best if best else 0.0
        row[f"map_at_{k}"] = sum(precisions[:k]) / total if total else 0.0
        row[f"recall_at_{k}"] = float(found / total) if total else 0.0
        row[f"precision_at_{k}"] = float(found / k)
        row[f"mrr_at_{k}"] = 1.0 / (first + 1) if first is not None and first < k else 0.0
    return row


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))
