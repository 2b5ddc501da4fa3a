"""Estimate the spread of a query's scores over a generation from a sample of its vectors.

Read from the store, so that it is the same whatever engine answers.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openclaw_instructor.index.fusion import Spread

if TYPE_CHECKING:
    from openclaw_instructor.index.vectors.protocol import Matrix, View

SAMPLE = 4_096
# By how large a share the documents may change until another sample is drawn, which takes a while from very many.
_SAME_SHARE = 0.05


def spread(vectors: Matrix, query: Matrix) -> Spread:
    """Compute mean and deviation of the inner products of `query` (dimension,) with `vectors` (n, dimension).

    More than SAMPLE vectors are sampled evenly.
    """
    import numpy as np

    sample = vectors[:: _step(len(vectors))]
    if not len(sample):
        return Spread()
    # In one thread: the product is small, and threads of BLAS would wait for one another.
    scores = np.einsum("ij,j->i", sample, query)
    return Spread(float(scores.mean()), float(scores.std()), len(sample))


class Samples:
    """A sample of vectors of each generation that was searched. Safe to share between threads."""

    def __init__(self) -> None:
        self._held: dict[str, _Drawn] = {}
        self._lock = threading.Lock()

    def spread(self, view: View, query: Matrix) -> Spread:
        """Estimate mean and standard deviation of the scores of `query` (dimension,) over the generation."""
        generation = view.generation
        held = self._held.get(generation.key)
        if held is None or held.revision != generation.revision:
            documents = view.documents()
            if held is None or not held.serves(documents):
                held = _Drawn(generation.revision, documents, _draw(view))
            with self._lock:
                self._held[generation.key] = replace(held, revision=generation.revision)
        return spread(held.sample, query)

    def keep(self, keys: Collection[str]) -> None:
        """Drop the samples of all generations but these."""
        with self._lock:
            self._held = {key: held for key, held in self._held.items() if key in keys}


@dataclass(frozen=True)
class _Drawn:
    """A sample of the vectors that a generation had at a revision, when it had so many documents."""

    revision: int
    documents: int
    sample: Matrix

    def serves(self, documents: int) -> bool:
        """Whether a large sample still stands for a generation that has this many documents now."""
        grown = abs(documents - self.documents)
        return len(self.sample) >= SAMPLE // 2 and grown <= _SAME_SHARE * self.documents


def _draw(view: View) -> Matrix:
    import numpy as np

    ids = view.ids()
    batches = [vectors for _, vectors in view.vectors(ids[:: _step(len(ids))])]
    return np.concatenate(batches) if batches else np.empty((0, view.generation.dimension), dtype=np.float32)


def _step(count: int) -> int:
    return -(-count // SAMPLE) or 1
