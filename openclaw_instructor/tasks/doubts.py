"""Say what makes the likeness of texts uncertain: languages the checkpoint does not read, negations, numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from openclaw_instructor.model.known import reads_only_english
from openclaw_instructor.tasks.classifier.language import other_language

_NEGATION = re.compile(
    r"\b(?:no|not|non|never|neither|nor|none|nothing|nobody|without|except|excluding|cannot|\w+n['’]t|free of)\b",  # noqa: RUF001
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_WORD = re.compile(r"[^\W\d_]+")
_SAMPLE = 200


def negations(text: str) -> list[str]:
    """Return the negations of a text, case-folded, in their order."""
    return [found.casefold() for found in _NEGATION.findall(text)]


def differences(first: str, second: str) -> list[str]:
    """Return the numbers and negations that only one of two texts holds: a vector hardly tells them apart."""
    ones, others = ({*_NUMBER.findall(text), *(["a negation"] if negations(text) else [])} for text in (first, second))
    return sorted(ones ^ others)


def of_language(texts: Sequence[str], checkpoint: str) -> str:
    """Name the language of texts that the checkpoint does not read; "" where it reads it, or that cannot be told."""
    return other_language("\n".join(texts[:_SAMPLE])) if reads_only_english(checkpoint) else ""


def of_languages(query: str, candidates: Sequence[str], checkpoint: str, *, found: bool) -> list[str]:
    """Say which side the checkpoint does not read; `found` is whether any candidate was near enough."""
    of_query, of_candidates = of_language([query], checkpoint), of_language(candidates, checkpoint)
    if not of_query and not found and reads_only_english(checkpoint):
        of_query = _of_short(query, candidates)
    places = [
        f"{where} to be in another language than English ({language})"
        for where, language in (("the query seems", of_query), ("candidates seem", of_candidates))
        if language
    ]
    if not places:
        return []
    return [
        f"{' and '.join(places)}, which this checkpoint does not read: scores say little; translate first, or choose a "
        "multilingual checkpoint (`openclaw-instructor model list`)"
    ]


def of_negations(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Warn of queries that hold a negation where their best match holds none."""
    words = [word for query, best in pairs if not negations(best) for word in negations(query)]
    if not words:
        return []
    what = ", ".join(list(dict.fromkeys(words))[:3])
    return [
        f"a query holds a negation ({what}) and its best match does not; scores hardly reflect negations: read the "
        "matches, or say what is wanted instead"
    ]


def _of_short(query: str, candidates: Sequence[str]) -> str:
    """Name the language of a query that is too short for certainty, and that shares no word with the candidates."""
    words = {word.casefold() for word in _WORD.findall(query)}
    shared = words & {word.casefold() for text in candidates[:_SAMPLE] for word in _WORD.findall(text)}
    if len(words) < 3 or any(len(word) > 2 for word in shared):
        return ""
    accented = "by its accents" if any(ord(letter) > 0xBF for letter in "".join(words)) else ""
    return other_language(f"{query} {query}") or accented
