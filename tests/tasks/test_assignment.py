"""One-to-one assignment, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest

from openclaw_instructor.tasks.assignment import assign


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 3), (40, 40), (60, 90)], ids=str)
@pytest.mark.parametrize("least", [0.0, 0.9], ids=["dense", "mostly zero"])
def test_the_sum_is_the_greatest(shape: tuple[int, int], least: float) -> None:
    from scipy.optimize import linear_sum_assignment

    gains = np.maximum(np.random.default_rng(7).random(shape) - least, 0)
    pairs = assign(gains)
    rows, columns = zip(*pairs, strict=True)
    assert len(set(rows)) == len(set(columns)) == len(pairs) == min(shape)
    best = gains[linear_sum_assignment(gains, maximize=True)].sum()
    assert sum(gains[pair] for pair in pairs) == pytest.approx(best)
