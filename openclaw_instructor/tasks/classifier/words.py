"""Turn texts into vectors of their words and pairs of words, weighted by how rare these are among the examples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w\w+")
_DIGITS = re.compile(r"\d+")
# A checkpoint reads no further either.
_HEAD = 4_000
_MOST = 4_096


@dataclass(frozen=True)
class Vocabulary:
    """The words and pairs of words that at least two examples have, with their weights."""

    places: dict[str, int]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """Take the words of texts, those of most texts first if there are too many."""
        having: Counter[str] = Counter()
        total = 0
        for text in texts:
            having.update(set(_words(text)))
            total += 1
        kept = [(word, count) for word, count in having.most_common(_MOST) if count > 1]
        counts = np.array([count for _, count in kept], dtype=np.float64)
        return cls({word: place for place, (word, _) in enumerate(kept)}, 1 + np.log((1 + total) / (1 + counts)))

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors (texts, words) of length 1, of length 0 for a text without any of the words."""
        found = np.zeros((len(texts), len(self.places)), dtype=np.float32)
        for row, text in zip(found, texts, strict=True):
            counts = Counter(place for word in _words(text) if (place := self.places.get(word)) is not None)
            if counts:
                places = list(counts)
                row[places] = (1 + np.log(list(counts.values()))) * self.weights[places]
                row /= np.linalg.norm(row)
        return found


def _words(text: str) -> list[str]:
    """Return words in lower case, every number as one word, and pairs of neighbours."""
    single = _WORD.findall(_DIGITS.sub("00", text[:_HEAD].casefold()))
    return single + [f"{first} {second}" for first, second in pairwise(single)]
