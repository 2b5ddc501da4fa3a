"""Seeded vectors with a little meaning in them, and what they are measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Problem:
    first: NDArray[np.float32]  # (120, 16)
    second: NDArray[np.float32]  # (120, 16), each near its first
    scores: list[float]
    same: list[int]
    labels: list[str]
    runs: dict[str, dict[str, float]]
    relevant: dict[str, dict[str, int]]


def problem() -> Problem:
    random = np.random.default_rng(7)
    centres = 0.5 * random.normal(size=(4, 16))
    kinds = random.integers(0, 4, size=120)
    first = (centres[kinds] + random.normal(size=(120, 16))).astype(np.float32)
    noise = random.uniform(0.2, 3.0, size=(120, 1))
    second = (first + noise * random.normal(size=(120, 16))).astype(np.float32)
    scores = [round(float(value), 1) for value in 5 - noise[:, 0] + random.normal(size=120) * 0.5]
    # Scores with few distinct values, so that ties decide ranks.
    runs = {
        f"q{q}": {f"d{d}": round(float(random.uniform()), 1) for d in random.choice(40, 25, replace=False)}
        for q in range(12)
    }
    relevant = {f"q{q}": {f"d{d}": int(random.integers(0, 4)) for d in range(0, 40, 3)} for q in range(12)}
    return Problem(
        first,
        second,
        scores,
        [int(value < 1.5) for value in noise[:, 0]],
        [str(kind) for kind in kinds],
        runs,
        relevant,
    )
