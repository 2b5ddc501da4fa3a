"""Words that tell a group of texts from the others."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"\b[^\W\d_]{3,}\b")
# Words of English that say nothing of what a text is about.
_SAYING_NOTHING = (
    "the and for are was were has have had been being not but with without from into onto out over under this that "
    "these those they them their there then than what when where which who whom whose why how can could may might must "
    "shall should will would does did doing done you your yours our ours his her hers its she him any all some such "
    "only own same too very just also more most other each few both nor now here about after again against before "
    "because between down during further off once through until while get gets got use uses used using need way one "
    "two via per"
)
_EMPTY = frozenset(_SAYING_NOTHING.split())
# How many times as frequent as elsewhere a word is at least.
_TELLING = 1.5


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text that may tell something, case-folded."""
    return frozenset(word.casefold() for word in _WORD.findall(text)) - _EMPTY


def telling_words(inside: Sequence[frozenset[str]], everywhere: Mapping[str, int], total: int, most: int) -> list[str]:
    """Return the words that are in a greater share of these texts than of the others, the most telling first.

    `everywhere` counts how many of all the `total` texts hold a word.
    """
    size = len(inside)
    least = 2 if size > 2 else 1
    scores = {}
    for word, count in Counter(word for each in inside for word in each).items():
        share, elsewhere = count / size, (everywhere[word] - count + 0.5) / (total - size + 1)
        if count >= least and share > _TELLING * elsewhere:
            scores[word] = share * math.log(share / elsewhere)
    return sorted(scores, key=lambda word: (-scores[word], word))[:most]
