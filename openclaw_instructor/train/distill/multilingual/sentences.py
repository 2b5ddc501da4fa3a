"""Read the everyday sentences that were written for this recipe, in English and nineteen languages.

Texts that are translated and free are mostly about software. These are about home, food, work, health and weather, as
a phrasebook's are, and use the four thousand commonest words of such talk; some are what people write in mails, ask an
assistant for, or see in a picture. Line n of `everyday/LANG.txt` translates line n of `everyday/en.txt`; an empty
line has no translation, or one that a test set holds. No native speakers have read them, and mended lines are welcome.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

ENGLISH = "en"


@cache
def everyday_sentences(language: str) -> tuple[tuple[str, str], ...]:
    """Return (English, text) for each sentence that there is in this language, none for one without a file."""
    return tuple((english, text) for english, text in zip(_lines(ENGLISH), _lines(language), strict=False) if text)


def _lines(language: str) -> list[str]:
    file = files(__package__) / "everyday" / f"{language}.txt"
    return file.read_text(encoding="utf-8").split("\n") if file.is_file() else []
