"""Two rankings into one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.index.fusion import convex, of_best, reciprocal_rank

Ranking = list[tuple[int, float]]
RANKING = st.dictionaries(st.integers(0, 30), st.floats(0.01, 50), max_size=20).map(
    lambda scores: sorted(scores.items(), key=lambda item: -item[1])
)


def test_reciprocal_rank_by_hand() -> None:
    fused = reciprocal_rank([(1, 0.9), (2, 0.8)], [(2, 7.0), (3, 1.0)], weight=0.5, k=60)
    assert fused == [
        (2, pytest.approx(0.5 * 61 / 62 + 0.5)),
        (1, pytest.approx(0.5)),
        (3, pytest.approx(0.5 * 61 / 62)),
    ]


def test_convex_by_hand() -> None:
    fused = convex([(1, 0.9), (2, 0.6), (4, 0.5)], [(2, 8.0), (3, 2.0)], weight=0.5)
    assert fused == [(2, pytest.approx(0.125 + 0.5)), (1, pytest.approx(0.5)), (3, pytest.approx(0.125)), (4, 0.0)]


def test_a_share_of_the_best() -> None:
    assert of_best([(1, 4.0), (2, 1.0)]) == [(1, 1.0), (2, 0.25)]
    assert of_best([]) == []


@pytest.mark.parametrize("fuse", [reciprocal_rank, convex])
def test_the_weight_decides_who_is_heard(fuse: Callable[..., Ranking]) -> None:
    dense, keyword = [(1, 0.9), (2, 0.1)], [(2, 9.0), (1, 1.0)]
    assert fuse(dense, keyword, 0.9)[0][0] == 1
    assert fuse(dense, keyword, 0.1)[0][0] == 2


@pytest.mark.parametrize("fuse", [reciprocal_rank, convex])
@given(dense=RANKING, keyword=RANKING, weight=st.floats(0, 1))
def test_a_fused_ranking_is_a_ranking_of_both(
    fuse: Callable[..., Ranking], dense: Ranking, keyword: Ranking, weight: float
) -> None:
    fused = fuse(dense, keyword, weight)
    assert {key for key, _ in fused} == {key for key, _ in dense + keyword}
    scores = [score for _, score in fused]
    assert scores == sorted(scores, reverse=True)
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores)
    if dense and keyword and dense[0][0] == keyword[0][0]:
        assert scores[0] == pytest.approx(1)
