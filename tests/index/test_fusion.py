"""Two rankings into one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.index.fusion import convex, hybrid, of_best

Ranking = list[tuple[int, float]]
RANKING = st.dictionaries(st.integers(0, 30), st.floats(0.01, 50), max_size=20).map(
    lambda scores: sorted(scores.items(), key=lambda item: -item[1])
)


def test_fusion_by_hand() -> None:
    fused = convex([(1, 0.9), (2, 0.6), (4, 0.5)], [(2, 8.0), (3, 2.0)], weight=0.5)
    assert fused == [(2, pytest.approx(0.125 + 0.5)), (1, pytest.approx(0.5)), (3, pytest.approx(0.125)), (4, 0.0)]


def test_one_ranking_alone_keeps_its_order() -> None:
    assert convex([(1, 0.9)], [], weight=0.5) == [(1, 0.5)]
    assert [key for key, _ in convex([], [(5, 3.0), (4, 2.0)])] == [5, 4]
    assert convex([], []) == []


def test_a_share_of_the_best() -> None:
    assert of_best([(1, 4.0), (2, 1.0)]) == [(1, 1.0), (2, 0.25)]
    assert of_best([]) == []


def test_what_only_the_words_found_is_judged_by_the_vectors() -> None:
    asked: list[list[int]] = []

    def judged(ids: list[int]) -> Ranking:
        asked.append(ids)
        return [(3, 0.7)]

    dense, keyword = [(1, 0.9), (2, 0.5)], [(2, 7.0), (3, 3.0)]
    assert hybrid(dense, keyword, judged) == convex([*dense, (3, 0.7)], keyword)
    assert asked == [[3]]


def test_without_vectors_the_words_decide() -> None:
    assert hybrid([], [(5, 4.0), (6, 1.0)], lambda ids: []) == [(5, 1.0), (6, 0.25)]


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
