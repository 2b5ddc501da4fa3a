"""One ranking out of two: by meaning and by words. Pure functions over (id, score) lists, best first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import sqrt
from statistics import fmean
from typing import TypeAlias

Ranking: TypeAlias = Sequence[tuple[int, float]]
Share: TypeAlias = Callable[[Ranking, Ranking, float], float]

# One standard deviation of the words' scores counts as so many of the cosine.
KEYWORD_WEIGHT = 1.3
# Added to the words': where they hardly vary, a query's words are everywhere and say little.
KEYWORD_STD_OFFSET = 8.0


def convex(dense: Ranking, keyword: Ranking, weight: float) -> list[tuple[int, float]]:
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


def meaning_share(
    dense: Ranking,
    keyword: Ranking,
    score_std: float,
    weight: float = KEYWORD_WEIGHT,
    keyword_std_offset: float = KEYWORD_STD_OFFSET,
) -> float:
    """The weight of `dense` with which both scores count by their spread.

    A query whose best texts stand out by their words is decided by words, one that shares its words with most texts
    by meaning. It makes the sum one of standard scores, whatever a model's cosines are. `score_std` is the
    standard deviation of the query's cosines over all texts: over the candidates it would hang on how far off the
    words' are.
    """
    if not dense or not keyword:
        return 1.0 if dense else 0.0
    meant = dict(dense)
    matched = dict.fromkeys(meant, 0.0) | dict(keyword)
    by_meaning = (max(meant.values()) - min(meant.values())) / score_std if score_std else 0.0
    by_words = weight * max(matched.values()) / (_deviation(matched.values()) + keyword_std_offset)
    return by_meaning / (by_meaning + by_words)


def hybrid(dense: Ranking, keyword: Ranking, score_std: float, share: Share = meaning_share) -> list[tuple[int, float]]:
    """One ranking of both. `dense` holds the vectors' scores of what only the words have found too: it is not taken
    for far away. `share` gives the weight of the vectors."""
    return convex(dense, keyword, share(dense, keyword, score_std))


def _deviation(scores: Collection[float]) -> float:
    """The standard deviation; `statistics.pstdev` takes four times as long."""
    mean = fmean(scores)
    return sqrt(fmean((score - mean) ** 2 for score in scores))


def of_best(ranking: Ranking) -> list[tuple[int, float]]:
    """The ranking with its scores as a share of the best one's."""
    best = ranking[0][1] if ranking else 1.0
    return [(key, score / best if best > 0 else 0.0) for key, score in ranking]
