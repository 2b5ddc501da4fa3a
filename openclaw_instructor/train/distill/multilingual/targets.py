"""Compute the vectors that English texts are to have, each when it is first asked for.

A run that ends by the clock reads only some of the texts, and the others need no vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.evaluate.embedders import Embedder


class EnglishVectors:
    """The vectors of `texts` by `reference`, in float16 as long as this object lives: (texts, dimension)."""

    def __init__(self, texts: Sequence[str], reference: Embedder) -> None:
        self._texts, self._reference = texts, reference
        self._known = np.zeros(len(texts), bool)
        self._vectors = np.empty((len(texts), 0), np.float16)

    def of(self, places: Sequence[int]) -> NDArray[np.float32]:
        """Return the vectors of the texts at these places, (places, dimension)."""
        asked = np.asarray(places, np.int64)
        new = np.unique(asked[~self._known[asked]])
        if len(new):
            vectors = self._reference.embed([self._texts[place] for place in new], "", "text").vectors
            if not self._vectors.shape[1]:
                self._vectors = np.zeros((len(self._texts), vectors.shape[1]), np.float16)
            self._vectors[new] = vectors
            self._known[new] = True
        return self._vectors[asked].astype(np.float32)
