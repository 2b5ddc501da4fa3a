"""Fuse two rankings, by vectors and by full text, into one: functions over (id, score) lists, best first.

The score of a hit says how well it fits, from 0 to 1. That of the best is the larger of the squared share of the
query's words that a passage has, by their rarity, and of the part of the way from an average text to the query that the
nearest one has come; the others have theirs in proportion. Where the query names something that the first ones have,
the others have no more than they fit by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from statistics import fmean
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from openclaw_instructor.index.fulltext import Match

Ranking: TypeAlias = Sequence[tuple[int, float]]
Share: TypeAlias = "Callable[[Ranking, Ranking, Spread], float]"

# The only passages with a term of the query come among this many first ones.
PINNED = 5
_LEAST_LEAD = 1e-9
# Below this fit of its best passages, the collection probably has no answer to a query.
NOTHING_FITS = 0.3

# How many standard deviations of the cosine one standard deviation of the BM25 scores counts as.
KEYWORD_WEIGHT = 2.4
# Added to the standard deviation of the BM25 scores: where they hardly vary, every text has the query's words.
KEYWORD_STD_OFFSET = 8.0


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a query's cosines over `count` texts."""

    mean: float = 0.0
    deviation: float = 0.0
    count: int = 0


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
    spread: Spread,
    weight: float = KEYWORD_WEIGHT,
    keyword_std_offset: float = KEYWORD_STD_OFFSET,
) -> float:
    """Return the weight of `dense` that makes the fused score a sum of standard scores.

    A query whose best texts stand out by their words is decided by full text; one whose words most texts share, or that
    some text means nearly, by the vectors. This holds whatever range a model's cosines have: `spread` is that of the
    query's cosines over all texts; over the candidates alone it would depend on which of them full text has added.
    """
    if not dense or not keyword:
        return 1.0 if dense else 0.0
    meant = dict(dense)
    matched = dict.fromkeys(meant, 0.0) | dict(keyword)
    by_meaning = (max(meant.values()) - min(meant.values())) / spread.deviation if spread.deviation else 0.0
    by_words = weight * max(matched.values()) / (_deviation(matched.values()) + keyword_std_offset)
    by_words *= 1 - nearness(dense, spread)
    return by_meaning / (by_meaning + by_words) if by_meaning + by_words else 0.5


def nearness(dense: Ranking, spread: Spread) -> float:
    """Return the part of the way from an average text to the query that the nearest one has come, from 0 to 1."""
    nearest = max((score for _, score in dense), default=0.0)
    # With few texts the nearest one itself would dominate the mean.
    mean = (spread.mean * spread.count - nearest) / (spread.count - 1) if spread.count > 1 else spread.mean
    return min(1.0, max(0.0, (nearest - mean) / (1 - mean))) if dense and mean < 1 else 0.0


def hybrid(dense: Ranking, keyword: Ranking, spread: Spread, share: Share = meaning_share) -> list[tuple[int, float]]:
    """Fuse a ranking by vectors and one by full text.

    `dense` also has the cosines of what only full text has found, so that these do not count as the worst. `share`
    returns the weight of `dense`.
    """
    return convex(dense, keyword, share(dense, keyword, spread))


def fused(
    dense: Ranking,
    matches: Sequence[Match],
    spread: Spread,
    first: Sequence[int] = (),
    alone: Sequence[int] = (),
    share: Share = meaning_share,
) -> list[tuple[int, float]]:
    """Fuse the rankings; the first hit gets the score `fit`, the others theirs in proportion.

    Without `dense` the words alone rank. `first` are passages that come before all others, `alone` those that alone
    have something of what the query names: they come among the first PINNED, whatever the vectors say.
    """
    if dense:
        keyword = [(match.key, match.score * match.covered) for match in matches]
        ranking = hybrid(dense, keyword, spread, share)
    else:
        ranking = [(match.key, match.score) for match in matches]
    best = fit(dense, matches, spread)
    scored = [(key, score * best) for key, score in of_best(pinned(ranking, first, alone))]
    return _capped(scored, first, dense, matches, spread) if first else scored


def fit(dense: Ranking, matches: Sequence[Match], spread: Spread) -> float:
    """Compute how well the best passages fit the query, from 0 to 1."""
    return max([nearness(dense, spread), *(match.fit for match in matches)])


def _capped(
    scored: Ranking, first: Collection[int], dense: Ranking, matches: Sequence[Match], spread: Spread
) -> list[tuple[int, float]]:
    """Give what comes after `first` no more than it fits by itself: it lacks what the query names."""
    cosines, words = dict(dense), {match.key: match.fit for match in matches}
    capped: list[tuple[int, float]] = []
    ceiling = 1.0
    for key, score in scored:
        if key not in first:
            own = nearness([(key, cosines[key])], spread) if key in cosines else 0.0
            ceiling = min(ceiling, score, max(own, words.get(key, 0.0)))
        capped.append((key, min(score, ceiling)))
    return capped


def pinned(ranking: Ranking, first: Sequence[int], alone: Sequence[int]) -> list[tuple[int, float]]:
    """Move `first` before all others, and `alone` among the first PINNED, but at most all but one of these.

    A moved passage gets hardly more than the score of the one that it overtakes.
    """
    places = {key: place for place, key in enumerate(first)}
    waiting = sorted(ranking, key=lambda item: places.get(item[0], len(places)))
    ranked = {key for key, _ in waiting}
    wanted = set([key for key in alone if key in ranked][: PINNED - 1])
    ordered: list[tuple[int, float]] = []
    while wanted and waiting:
        urgent = len(wanted) >= PINNED - len(ordered)
        place = next(place for place, item in enumerate(waiting) if item[0] in wanted or not urgent)
        ordered.append(waiting.pop(place))
        wanted.discard(ordered[-1][0])
    ordered += waiting
    # A little more, so that the scores alone tell the order.
    scores = (score for _, score in reversed(ordered))
    highest = list(accumulate(scores, lambda below, score: max(score, below + _LEAST_LEAD)))
    return [(key, score) for (key, _), score in zip(ordered, reversed(highest), strict=True)]


def _deviation(scores: Collection[float]) -> float:
    """Compute the standard deviation; `statistics.pstdev` takes four times as long."""
    mean = fmean(scores)
    return sqrt(fmean((score - mean) ** 2 for score in scores))


def of_best(ranking: Ranking) -> list[tuple[int, float]]:
    """Divide the scores of a ranking by the best one."""
    best = ranking[0][1] if ranking else 1.0
    return [(key, score / best if best > 0 else 0.0) for key, score in ranking]
