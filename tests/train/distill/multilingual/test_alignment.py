from __future__ import annotations

import random

import numpy as np

from openclaw_instructor.train.distill.multilingual.alignment import FOREIGN, align, foreign_share, start_rows

ENGLISH = 20


def rows(count: int = 400) -> list[tuple[str, list[int], list[int]]]:
    """Piece 20 + n stands for English piece n, in any order; English piece 0 stands for nothing and is everywhere."""
    draw = random.Random(0)
    made: list[tuple[str, list[int], list[int]]] = []
    for _ in range(count):
        words = draw.sample(range(1, 15), draw.randint(2, 6))
        other = [20 + word for word in words]
        draw.shuffle(other)
        made.append((draw.choice("ab"), other, [0, *words, 0]))
    return made


def test_pieces_find_what_they_stand_for() -> None:
    weights = align(rows(), 40, ENGLISH).toarray()
    for word in range(1, 15):
        assert weights[20 + word].argmax() == word
        assert weights[20 + word, word] > 0.8
    sums = weights.sum(axis=1)
    np.testing.assert_allclose(sums[(sums > 0)], 1.0, rtol=1e-5)
    assert not weights[39].any(), "a piece that never occurs is aligned with nothing"


def test_texts_without_tokens_or_too_long_are_passed_over() -> None:
    odd = [("a", [], [1, 2]), ("a", [25], []), ("a", [26] * 500, [7] * 500)]
    np.testing.assert_array_equal(align([*rows(), *odd], 40, ENGLISH).toarray(), align(rows(), 40, ENGLISH).toarray())


def test_new_rows_are_means_of_the_length_of_old_ones() -> None:
    table = np.random.default_rng(0).normal(size=(ENGLISH, 8)).astype(np.float32)
    started = start_rows(table, align(rows(), 40, ENGLISH))
    assert started.shape == (40, 8)
    np.testing.assert_array_equal(started[:ENGLISH], table)
    lengths = np.linalg.norm(table, axis=1)
    np.testing.assert_allclose(np.linalg.norm(started[ENGLISH:], axis=1), lengths.mean(), rtol=1e-5)
    cosines = (started[21:35] * table[1:15]).sum(axis=1) / lengths.mean() / lengths[1:15]
    assert cosines.min() > 0.9


def test_pieces_that_other_languages_use_more_are_foreign() -> None:
    pieces = ["water", "de", "##en", ".", "вода", "unused"]
    english = [[0, 3], [0, 1, 3], [0, 0, 3]]
    others = [("es", [1, 1, 2, 3]), ("ru", [4, 4, 4, 3]), ("ru", [4, 4, 4, 3])]
    share = foreign_share(english, others, pieces)
    assert share[0] == 0.0  # only in English
    assert share[1] == 0.25 / (
        0.25 + 0.125
    )  # a half of the Spanish tokens, none of the Russian ones; an eighth in English
    assert share[2] == share[4] == 1.0
    assert share[3] == share[5] == 0.0  # punctuation belongs to all, and what nobody uses to none


def test_an_english_row_is_moved_as_far_as_its_uses_are_foreign() -> None:
    table = np.random.default_rng(0).normal(size=(ENGLISH, 8)).astype(np.float32)
    texts = [*rows(), *(("a", [15], [3]) for _ in range(50))]
    foreign = np.zeros(40)
    foreign[[15, 16, 17]] = 1.0, 0.9, FOREIGN - 0.01
    started = start_rows(table, align(texts, 40, ENGLISH), foreign)
    length = np.linalg.norm(table, axis=1).mean()
    np.testing.assert_allclose(started[15], table[3] * (length / np.linalg.norm(table[3])), rtol=1e-4)
    kept = [piece for piece in range(ENGLISH) if piece != 15]  # 16 is aligned with nothing, 17 is English enough
    np.testing.assert_array_equal(started[kept], table[kept])
