"""The spread of a query's scores, from a sample."""

from __future__ import annotations

import numpy as np
import pytest

from openclaw_instructor.index.vectors.sample import SAMPLE, spread


@pytest.mark.parametrize("count", [0, 1, 500, 10_000])
def test_mean_and_spread_are_those_of_all_scores(count: int) -> None:
    chance = np.random.default_rng(0)
    vectors, query = chance.normal(size=(count, 16)).astype(np.float32), np.ones(16, dtype=np.float32)
    mean, deviation = ((vectors @ query).mean(), (vectors @ query).std()) if count else (0.0, 0.0)
    found = spread(vectors, query)
    assert found.deviation == pytest.approx(deviation, rel=1e-4 if count <= SAMPLE else 0.05)
    assert found.mean == pytest.approx(mean, abs=1e-3 if count <= SAMPLE else 0.1)
