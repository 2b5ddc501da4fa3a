"""Two rankings into one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.index.fulltext import Match
from openclaw_instructor.index.fusion import (
    KEYWORD_STD_OFFSET,
    KEYWORD_WEIGHT,
    PINNED,
    Spread,
    convex,
    fit,
    fused,
    hybrid,
    meaning_share,
    nearness,
    of_best,
    pinned,
)

Ranking = list[tuple[int, float]]
RANKING = st.dictionaries(st.integers(0, 30), st.floats(0.01, 50), max_size=20).map(
    lambda scores: sorted(scores.items(), key=lambda item: -item[1])
)


def test_fusion_by_hand() -> None:
    fused = convex([(1, 0.9), (2, 0.6), (4, 0.5)], [(2, 8.0), (3, 2.0)], weight=0.5)
    assert fused == [(2, pytest.approx(0.125 + 0.5)), (1, pytest.approx(0.5)), (3, pytest.approx(0.125)), (4, 0.0)]


def test_one_ranking_alone_keeps_its_order() -> None:
    assert convex([(1, 0.9)], [], weight=0.5) == [(1, 0.5)]
    assert [key for key, _ in convex([], [(5, 3.0), (4, 2.0)], 0.5)] == [5, 4]
    assert convex([], [], 0.5) == []


def test_a_share_of_the_best() -> None:
    assert of_best([(1, 4.0), (2, 1.0)]) == [(1, 1.0), (2, 0.25)]
    assert of_best([]) == []


def test_the_sum_is_one_of_standard_scores() -> None:
    dense, keyword = [(1, 0.9), (2, 0.6), (3, 0.5), (4, 0.1)], [(3, 9.0), (2, 4.0), (5, 1.0)]
    both = np.array([[0.9, 0], [0.6, 4], [0.5, 9], [0.1, 0], [0.1, 1]])  # 5 is not among the vectors: the worst
    far = 1 - (0.9 - 0.3) / (1 - 0.3)
    sums = both[:, 0] / 0.2 + far * KEYWORD_WEIGHT * both[:, 1] / (both[:, 1].std() + KEYWORD_STD_OFFSET)
    found = dict(convex(dense, keyword, meaning_share(dense, keyword, Spread(0.3, 0.2))))
    gaps = [found[key] - found[4] for key in (1, 2, 3, 5)]
    np.testing.assert_allclose(gaps, (sums[[0, 1, 2, 4]] - sums[3]) * gaps[0] / (sums[0] - sums[3]))


def test_words_that_every_text_has_leave_it_to_the_meaning() -> None:
    dense = [(key, 0.8 - key / 50) for key in range(20)]
    everywhere = [(key, 0.3 + key / 1000) for key in range(20)]
    telling = [(19, 12.0)]
    spread = Spread(0.4, 0.2)
    assert meaning_share(dense, everywhere, spread) > 0.9 > 0.7 > meaning_share(dense, telling, spread)


def test_cosines_count_by_their_spread_over_all_texts() -> None:
    dense, keyword = [(1, 0.9), (2, 0.7)], [(2, 5.0)]
    narrow = Spread(0.2, 0.05)
    assert meaning_share(dense, keyword, narrow) > meaning_share(dense, keyword, Spread(0.2, 0.5))
    far_too = [*dense, (3, -0.3)]
    assert meaning_share(far_too, [*keyword, (3, 0.1)], narrow) > meaning_share(dense, keyword, narrow)


def test_the_nearer_a_text_is_the_less_words_say() -> None:
    keyword = [(2, 9.0)]
    shares = [meaning_share([(1, best), (2, best - 0.2)], keyword, Spread(0.1, 0.1)) for best in (0.3, 0.6, 0.9, 1.0)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_among_few_texts_the_nearest_is_left_out_of_the_mean() -> None:
    assert nearness([(1, 0.6), (2, 0.2)], Spread(0.4, 0.2, 2)) == pytest.approx(0.5)
    assert nearness([(1, 0.6)], Spread(0.6, 0.0, 1)) == pytest.approx(0.0)
    assert nearness([], Spread()) == nearness([(1, 0.5)], Spread(1.0)) == 0.0


def test_one_side_alone_has_all_the_weight() -> None:
    assert meaning_share([(1, 0.9)], [], Spread(0.1, 0.2)) == 1.0
    assert meaning_share([], [(1, 4.0)], Spread(0.1, 0.2)) == 0.0
    assert hybrid([(1, 0.9), (2, 0.4)], [], Spread(0.1, 0.2)) == [(1, 1.0), (2, 0.0)]
    alike = [(1, 0.5), (2, 0.5)]
    assert [key for key, _ in hybrid(alike, [(2, 3.0), (1, 1.0)], Spread())] == [2, 1]


def test_the_weight_decides_who_is_heard() -> None:
    dense, keyword = [(1, 0.9), (2, 0.1)], [(2, 9.0), (1, 1.0)]
    assert convex(dense, keyword, 0.9)[0][0] == 1
    assert convex(dense, keyword, 0.1)[0][0] == 2


@given(dense=RANKING, keyword=RANKING, weight=st.floats(0, 1))
def test_a_fused_ranking_is_a_ranking_of_both(dense: Ranking, keyword: Ranking, weight: float) -> None:
    fused = convex(dense, keyword, weight)
    assert {key for key, _ in fused} == {key for key, _ in dense + keyword}
    scores = [score for _, score in fused]
    assert scores == sorted(scores, reverse=True)
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores)
    if dense and keyword and dense[0][0] == keyword[0][0]:
        assert scores[0] == pytest.approx(1)


def test_the_best_has_the_fit_and_the_others_theirs_in_proportion() -> None:
    dense, spread = [(1, 0.6), (2, 0.4), (3, 0.1)], Spread(0.2, 0.1)
    plain = dict(convex(dense, [], 1.0))
    assert dict(fused(dense, [], spread)) == pytest.approx({key: 0.5 * plain[key] for key in (1, 2, 3)})
    matches = [Match(7, 8.0, 1.0, 0.6), Match(8, 2.0, 0.5, 0.3)]
    assert dict(fused([], matches, Spread())) == pytest.approx({7: 0.6, 8: 0.15})
    assert fused([], [], Spread()) == []


def test_the_fit_is_the_better_of_meaning_and_words() -> None:
    spread = Spread(0.2, 0.1)
    assert fit([(1, 0.6), (2, 0.3)], [], spread) == pytest.approx(0.5)
    assert fit([(1, 0.6)], [Match(2, 3.0, 1.0, 0.7)], spread) == pytest.approx(0.7)
    assert fit([(1, 0.1)], [], spread) == fit([], [], Spread()) == 0.0
    assert fit([(1, 1.0001)], [], spread) == 1.0


RANKED = [(key, 1 - key / 100) for key in range(20)]


def test_what_few_have_comes_among_the_first() -> None:
    found = pinned(RANKED, (), (15,))
    assert [key for key, _ in found] == [0, 1, 2, 3, 15, *range(4, 15), *range(16, 20)]
    assert [key for key, _ in pinned(RANKED, (), (15, 17, 3))][:PINNED] == [0, 1, 3, 15, 17]
    assert [key for key, _ in pinned(RANKED, (), (1, 2, 99))] == list(range(20))
    assert [key for key, _ in pinned(RANKED, (), (19, 18, 17, 16, 15))][:PINNED] == [0, 16, 17, 18, 19]


def test_what_lacks_the_name_asked_for_scores_no_more_than_it_fits() -> None:
    dense = [(1, 0.5), (2, 0.48), (3, 0.1)]
    matches = [Match(3, 9.0, 1.0, 1.0), Match(2, 1.0, 0.1, 0.04)]
    found = fused(dense, matches, Spread(0.1, 0.1, 100), first=[3])
    assert [key for key, _ in found] == [3, 1, 2]
    assert found[0][1] == 1.0
    assert all(score <= nearness([(key, dict(dense)[key])], Spread(0.1, 0.1, 100)) for key, score in found[1:])


def test_all_that_is_asked_comes_first() -> None:
    assert [key for key, _ in pinned(RANKED, (9, 7), (9, 7))] == [9, 7, *range(7), 8, *range(10, 20)]
    assert pinned([], (1,), (2,)) == []


@given(dense=RANKING, alone=st.lists(st.integers(0, 30), max_size=6), first=st.lists(st.integers(0, 30), max_size=3))
def test_a_pinned_ranking_is_in_order_and_has_everything(dense: Ranking, alone: list[int], first: list[int]) -> None:
    found = pinned(dense, first, alone)
    assert sorted(key for key, _ in found) == sorted(key for key, _ in dense)
    scores = [score for _, score in found]
    assert all(one > other for one, other in itertools.pairwise(scores))
    if dense:
        assert found[0][1] == pytest.approx(dense[0][1])
