"""What was measured on one data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One data set, mode and model. `score` is `metrics[main]`; `used` the instruction of each role."""

    dataset: str
    kind: str
    mode: str
    model: str
    instructions: str
    main: str
    score: float
    metrics: dict[str, float]
    used: dict[str, str]
    texts: int
    truncated: int
    seconds: float
