"""One ranking out of two: by meaning and by words. Pure functions over (id, score) lists, best first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Ranking = Sequence[tuple[int, float]]

# Share of the vectors in a fused score; the words have the rest.
DENSE_WEIGHT = 0.7


def convex(dense: Ranking, keyword: Ranking, weight: float = DENSE_WEIGHT) -> list[tuple[int, float]]:
    """Weighted sum of both scores, each put on a scale from 0 to 1; first in both is 1.

    A cosine has no natural zero, so the worst of `dense` is 0; BM25 has one: an id without any word of the query
    has it. `dense` should hold the ids of `keyword` too: one that it lacks counts as the worst. Scores carry more than
    the ranks that reciprocal rank fusion keeps of them (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for
    Hybrid Retrieval", ACM TOIS 2023).
    """
    floor = min((score for _, score in dense), default=0.0)
    scores: dict[int, float] = {}
    for ranking, share, zero in ((dense, weight, floor), (keyword, 1 - weight, 0.0)):
        span = max((score for _, score in ranking), default=zero) - zero
        for key, score in ranking:
            scores[key] = scores.get(key, 0.0) + share * ((score - zero) / span if span > 0 else 1.0)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def hybrid(dense: Ranking, keyword: Ranking, judged: Callable[[list[int]], Ranking]) -> list[tuple[int, float]]:
    """One ranking of what the vectors and what the words have found.

    `judged(ids)` gives the vectors' scores of what only the words have found: it is not taken for far away.
    """
    if not dense:
        return of_best(keyword)
    near = {key for key, _ in dense}
    return convex([*dense, *judged([key for key, _ in keyword if key not in near])], keyword)


def of_best(ranking: Ranking) -> list[tuple[int, float]]:
    """The ranking with its scores as a share of the best one's."""
    best = ranking[0][1] if ranking else 1.0
    return [(key, score / best if best > 0 else 0.0) for key, score in ranking]
