"""An engine whose embeddings a test places by hand: what `tasks/` needs of one, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from openclaw_instructor.engine import Embeddings


class PlacedEngine:
    """`places` maps a text to its direction; other texts point along the last axis. `calls` records what was asked."""

    checkpoint_name = "placed"

    def __init__(self, places: Mapping[str, Sequence[float]], *, longest: int = 10**9) -> None:
        self._places = dict(places)
        self._width = len(next(iter(self._places.values()))) + 1
        self._longest = longest
        self.calls: list[tuple[str, list[str]]] = []

    def identity(self, instruction: str, extra: str = "") -> str:
        return f"placed/{instruction}/{extra}"

    def embed(self, texts: Sequence[str], instruction: str = "") -> Embeddings:
        self.calls.append((instruction, list(texts)))
        rows = np.zeros((len(texts), self._width), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            place = self._places.get(text)
            row[: self._width - 1] = place or 0
            row[-1] = 0 if place else 1
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return Embeddings(rows, [len(text) for text in texts], [len(text) > self._longest for text in texts])
