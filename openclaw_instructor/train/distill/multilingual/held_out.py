"""Choose translations that a run is measured on, and keep from it whatever would give them away."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts

HELD_OUT = 4_000  # translations, and the English texts that they share


@dataclass(frozen=True)
class Split:
    """Places of the translations that are `held` out, of those that are `learned`, and of the `english` texts that are.

    What is learned shares neither a text nor an English side with what is held out, letters and digits compared.
    """

    held: list[int]
    learned: list[int]
    english: list[int]


def split(texts: AlignedTexts, held_out: int = HELD_OUT) -> Split:
    """Hold out about so many translations, at most a tenth: those of the first English texts, in random order.

    Raises InvalidData where nothing is left to learn from.
    """
    rows = texts.translations
    sides = np.sort([row.english for row in rows])
    most = min(held_out, max(1, len(rows) // 10))
    after = min(int(sides[most - 1]) + 1, int(sides[-1]))
    held = [place for place, row in enumerate(rows) if row.english < after]
    keys = [letters(text) for text in texts.english]
    held_keys = {keys[rows[place].english] for place in held}
    held_texts = {(rows[place].language, letters(rows[place].text)) for place in held}
    english = [place for place in range(after, len(keys)) if keys[place] not in held_keys]
    kept = set(english)
    learned = [
        place
        for place, row in enumerate(rows)
        if row.english in kept and (row.language, letters(row.text)) not in held_texts
    ]
    if not learned:
        raise InvalidData(f"the {len(rows)} rows are too much alike to hold some out and learn from others")
    return Split(held, learned, english)


def letters(text: str) -> str:
    """Return what of a text says whether it is the same as another: its letters and digits, or all of one without."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower()) or text
