"""One ranking out of two: by meaning and by words. Pure functions over (id, score) lists, best first."""

from __future__ import annotations

from collections.abc import Sequence

Ranking = Sequence[tuple[int, float]]

RRF_K = 60
# Share of the vectors' verdict in a hybrid score; the words have the rest.
DENSE_WEIGHT = 0.6


def reciprocal_rank(
    dense: Ranking, keyword: Ranking, weight: float = DENSE_WEIGHT, k: int = RRF_K
) -> list[tuple[int, float]]:
    """Weighted reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009); first in both lists scores 1."""
    scores: dict[int, float] = {}
    for ranking, share in ((dense, weight), (keyword, 1 - weight)):
        for rank, (key, _) in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + share * (k + 1) / (k + rank)
    return _ranked(scores)


def convex(dense: Ranking, keyword: Ranking, weight: float = DENSE_WEIGHT) -> list[tuple[int, float]]:
    """Convex combination of scores put on one scale (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
    Retrieval", 2023): in each list the best is 1 and the list's floor 0, and an id that a list lacks has 0 there."""
    scores: dict[int, float] = {}
    for ranking, share, floor in ((dense, weight, _last(dense)), (keyword, 1 - weight, 0.0)):
        span = (ranking[0][1] - floor) if ranking else 0.0
        for key, score in ranking:
            scores[key] = scores.get(key, 0.0) + share * ((score - floor) / span if span > 0 else 1.0)
    return _ranked(scores)


def of_best(ranking: Ranking) -> list[tuple[int, float]]:
    """The ranking with its scores as a share of the best one's."""
    best = ranking[0][1] if ranking else 1.0
    return [(key, score / best if best > 0 else 0.0) for key, score in ranking]


def _last(ranking: Ranking) -> float:
    return ranking[-1][1] if ranking else 0.0


def _ranked(scores: dict[int, float]) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
