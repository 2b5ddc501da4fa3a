from __future__ import annotations

import math

import pytest
import torch

from openclaw_instructor.train.loss import allowed, info_nce

T = 0.05


def vectors(count: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(5)
    return torch.nn.functional.normalize(torch.randn(count, 8, generator=random), dim=1)


def pairs(prefix: str, count: int) -> list[tuple[str, str]]:
    return [("i", f"{prefix}{index}") for index in range(count)]


def plain(v: torch.Tensor, n: int, others: bool) -> float:
    """The loss as the paper writes it, sum by sum."""
    q, p, hard = v[:n], v[n : 2 * n], v[2 * n :]
    total = 0.0
    for i in range(n):
        own = math.exp(float(q[i] @ p[i]) / T)
        against = [math.exp(float(q[i] @ x) / T) for x in hard]
        against += [math.exp(float(q[i] @ p[j]) / T) for j in range(n) if j != i and others]
        total -= math.log(own / (own + sum(against)))
        back = [math.exp(float(p[i] @ q[j]) / T) for j in range(n) if j != i]
        total -= math.log(own / (own + sum(back)))
    return total / n


@pytest.mark.parametrize(("in_batch", "others"), [("all", True), ("negatives", False)])
@pytest.mark.parametrize("hard", [5, 3])
def test_the_loss_is_the_papers(in_batch: str, others: bool, hard: int) -> None:
    v = vectors(10 + hard)
    masks = allowed(pairs("q", 5), pairs("p", 5), pairs("n", hard), [None] * 5, [None] * hard, in_batch)
    assert float(info_nce(v, *masks, T)) == pytest.approx(plain(v, 5, others), rel=1e-5)


def test_without_hard_negatives_the_others_positives_always_count() -> None:
    v = vectors(8)
    masks = allowed(pairs("q", 4), pairs("p", 4), [], [None] * 4, [], "negatives")
    assert float(info_nce(v, *masks, T)) == pytest.approx(plain(v, 4, True), rel=1e-5)


def test_equal_texts_are_not_held_against_each_other() -> None:
    queries, positives = [("i", "a"), ("i", "b"), ("i", "a")], [("i", "x"), ("i", "y"), ("i", "z")]
    forward, backward = allowed(queries, positives, [("i", "x"), ("i", "b")], [None] * 3, [None] * 2)
    # x is the first query's own positive, also where it appears as a hard negative; b is the second query itself.
    assert forward.tolist() == [
        [True, True, True, False, True],
        [True, True, True, True, False],
        [True, True, True, True, True],
    ]
    assert backward.tolist() == [[True, True, False], [True, True, True], [False, True, True]]


def test_records_of_one_label_are_not_held_against_each_other() -> None:
    forward, backward = allowed(
        pairs("q", 3), pairs("p", 3), pairs("n", 2), ["spam", "ham", "spam"], ["ham", "spam"], "all"
    )
    assert forward.tolist() == [
        [True, True, False, True, False],
        [True, True, True, False, True],
        [False, True, True, True, False],
    ]
    assert backward.tolist() == [[True, True, False], [True, True, True], [False, True, True]]


def test_a_record_that_nothing_stands_against_costs_nothing() -> None:
    masks = allowed(pairs("q", 1), pairs("p", 1), [], [None], [])
    assert float(info_nce(vectors(2), *masks, T)) == 0.0
