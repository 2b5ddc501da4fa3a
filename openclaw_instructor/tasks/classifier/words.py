"""Turn texts into vectors of their words and pairs of words, weighted by how rare these are among the examples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

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
    def fitted(cls, texts: Iterable[str]) -> tuple[Vocabulary, NDArray[np.float32]]:
        """Take the words of texts, those of most texts first, and return the vectors of the texts as well."""
        counted = [Counter(_words(text)) for text in texts]
        having = Counter(chain.from_iterable(counted))
        several = [(word, count) for word, count in having.items() if count > 1]
        kept = sorted(several, key=lambda each: -each[1])[:_MOST]
        counts = np.array([count for _, count in kept], dtype=np.float64)
        weights = 1 + np.log((1 + len(counted)) / (1 + counts))
        vocabulary = cls({word: place for place, (word, _) in enumerate(kept)}, weights)
        return vocabulary, vocabulary._vectors(counted)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors (texts, words) of length 1, of length 0 for a text without any of the words."""
        return self._vectors([Counter(_words(text)) for text in texts])

    def _vectors(self, counted: Sequence[Counter[str]]) -> NDArray[np.float32]:
        found = np.zeros((len(counted), len(self.places)), dtype=np.float32)
        for row, counts in zip(found, counted, strict=True):
            known = [word for word in counts if word in self.places]
            if known:
                places = [self.places[word] for word in known]
                row[places] = (1 + np.log([counts[word] for word in known])) * self.weights[places]
                row /= np.linalg.norm(row)
        return found


def _words(text: str) -> list[str]:
    """Return words in lower case, every number as one word, and pairs of neighbours."""
    single = _WORD.findall(_DIGITS.sub("00", text[:_HEAD].casefold()))
    return single + [f"{first} {second}" for first, second in pairwise(single)]
