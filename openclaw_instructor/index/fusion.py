"""Fuse two rankings, by vectors and by full text, into one. Pure functions over (id, score) lists, best first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import sqrt
from statistics import fmean
from typing import TypeAlias

Ranking: TypeAlias = Sequence[tuple[int, float]]
Share: TypeAlias = Callable[[Ranking, Ranking, float], float]

# How many standard deviations of the cosine one standard deviation of the BM25 scores counts as.
KEYWORD_WEIGHT = 1.3
# Added to the standard deviation of the BM25 scores: where they hardly vary, every text has the query's words.
KEYWORD_STD_OFFSET = 8.0


def convex(dense: Ranking, keyword: Ranking, weight: float) -> list[tuple[int, float]]:
    """Sum both scores by weight, each scaled to 0..1; the first of both rankings gets 1.

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
    """Return the weight of `dense` that makes the fused score a sum of standard scores.

    A query whose best texts stand out by their words is decided by full text; one whose words most texts share, by the
    vectors. This holds whatever range a model's cosines have. `score_std` is the standard deviation of the query's
    cosines over all texts: over the candidates alone it would depend on which of them full text has added.
    """
    if not dense or not keyword:
        return 1.0 if dense else 0.0
    meant = dict(dense)
    matched = dict.fromkeys(meant, 0.0) | dict(keyword)
    by_meaning = (max(meant.values()) - min(meant.values())) / score_std if score_std else 0.0
    by_words = weight * max(matched.values()) / (_deviation(matched.values()) + keyword_std_offset)
    return by_meaning / (by_meaning + by_words)


def hybrid(dense: Ranking, keyword: Ranking, score_std: float, share: Share = meaning_share) -> list[tuple[int, float]]:
    """Fuse a ranking by vectors and one by full text.

    `dense` also has the cosines of what only full text has found, so that these do not count as the worst. `share`
    returns the weight of `dense`.
    """
    return convex(dense, keyword, share(dense, keyword, score_std))


def _deviation(scores: Collection[float]) -> float:
    """Compute the standard deviation; `statistics.pstdev` takes four times as long."""
    mean = fmean(scores)
    return sqrt(fmean((score - mean) ** 2 for score in scores))


def of_best(ranking: Ranking) -> list[tuple[int, float]]:
    """Divide the scores of a ranking by the best one."""
    best = ranking[0][1] if ranking else 1.0
    return [(key, score / best if best > 0 else 0.0) for key, score in ranking]
