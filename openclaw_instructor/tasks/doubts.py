"""Say what makes the likeness of texts uncertain: languages the checkpoint does not read, negations, numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from openclaw_instructor.language import other_language
from openclaw_instructor.model.known import reads_only_english

_NEGATION = re.compile(
    r"\b(?:no|not|non|never|neither|nor|none|nothing|nobody|without|except|excluding|cannot|\w+n['’]t|free of)\b",  # noqa: RUF001
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_WORD = re.compile(r"[^\W\d_]+")
# Frequent in short questions of other languages, and no words of English.
_IN_QUESTIONS = (
    "wo wie wann warum wer welche mein meine meinen meiner meinem habe kann kannst bitte vergessen "
    "où comment quand pourquoi mon mes puis quel quelle oublié "
    "dónde donde cómo cuándo cuando qué olvidé mis puedo quiero tengo necesito olvidado "
    "onde minha meu meus posso quero preciso esqueci dove quando perché mio mia voglio dimenticato "
    "waar hoe wanneer waarom mijn kunnen vergeten hur varför mitt mina hvor hvordan hvorfor gdzie kiedy dlaczego moje "
    "moja nerede neden benim unde cum când parola kde kdy proč bagaimana kapan saya"
)
_OF_QUESTIONS = frozenset(_IN_QUESTIONS.split())
_SAMPLE = 200
# A negation denies one of so many words behind it; a word is known again by its first letters.
_DENIED, _BEGINNING = 4, 4


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


def of_question(question: str, checkpoint: str) -> list[str]:
    """Say that only the words of a question count, where the checkpoint does not read its language."""
    language = of_language([question], checkpoint)
    if not language:
        return []
    return [
        f"the question seems to be in another language than English ({language}), which this checkpoint does not read: "
        "passages are found by the words they share with it; choose a multilingual checkpoint for their meaning "
        "(`openclaw-instructor model list`)"
    ]


def of_languages(query: str, candidates: Sequence[str], checkpoint: str, *, found: bool) -> list[str]:
    """Say which side the checkpoint does not read; `found` is whether any candidate was near enough."""
    of_query, of_candidates = of_language([query], checkpoint), of_language(candidates, checkpoint)
    places = []
    if of_query:
        places.append(f"the query seems to be in another language than English ({of_query})")
    elif not found and reads_only_english(checkpoint) and _seems_foreign(query, candidates):
        # Which one, a few words do not tell.
        places.append("the query seems to be in another language than English")
    if of_candidates:
        places.append(f"candidates seem to be in another language than English ({of_candidates})")
    if not places:
        return []
    return [
        f"{' and '.join(places)}, which this checkpoint does not read: scores say little; translate first, or choose a "
        "multilingual checkpoint (`openclaw-instructor model list`)"
    ]


def of_negations(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Warn of queries that deny something of which their best match speaks without denying it."""
    words = [word for query, best in pairs for word in _denied(query, best)]
    if not words:
        return []
    what = ", ".join(list(dict.fromkeys(words))[:3])
    return [
        f"a query holds a negation ({what}) and its best match does not; scores hardly reflect negations: read the "
        "matches, or say what is wanted instead"
    ]


def _denied(query: str, best: str) -> list[str]:
    """Return the negations of a query behind which words of its best match follow."""
    if negations(best):
        return []
    beginnings = {word.casefold()[:_BEGINNING] for word in _WORD.findall(best) if len(word) >= _BEGINNING}
    denied = []
    for found in _NEGATION.finditer(query):
        following = _WORD.findall(query[found.end() :])[:_DENIED]
        if any(word.casefold()[:_BEGINNING] in beginnings for word in following):
            denied.append(found[0].casefold())
    return denied


def _seems_foreign(query: str, candidates: Sequence[str]) -> bool:
    """Whether a query that is too short for certainty shares no word with the candidates and has one of elsewhere."""
    words = {word.casefold() for word in _WORD.findall(query)}
    shared = words & {word.casefold() for text in candidates[:_SAMPLE] for word in _WORD.findall(text)}
    if len(words) < 2 or any(len(word) > 2 for word in shared):
        return False
    accented = any(ord(letter) > 0xBF for word in words for letter in word)
    return accented or bool(words & _OF_QUESTIONS) or (len(words) > 2 and bool(other_language(f"{query} {query}")))
