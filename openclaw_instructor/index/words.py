"""Split texts and queries into folded words, with names split into their parts and literals kept as they are.

The full text has three streams of them. `words` are folded, and get stemmed there. `forms` are the same in order and
unstemmed, names taken apart where they stand, so that `get file size` is a phrase of `getFileSize` and of
`get_file_size`. `extras` are what a text is found by besides: the words inside names, names written as one word, words
in capitals, literals such as `10.0.0.1` and `--dry-run` with their marks. What is not to be stemmed ends in EXACT or in
CAPITALS.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# Suffixes that the tokenizer keeps in a word and that keep the stemmer from changing it.
EXACT, CAPITALS = "=", "^"
_MARKS_OF_LITERALS = "-.:/@_+#&\\"
TOKEN_CHARACTERS = EXACT + CAPITALS + _MARKS_OF_LITERALS

# Letters and marks of Thai, Lao, Burmese and Khmer; of Korean, whose words have suffixes; Kana and Han.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u1049\u1050-\u109f\u1780-\u17d3"
    "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and other marks of Indic scripts, which belong to words without being letters.
_INDIC_MARKS = "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0980-\u0983\u09bc-\u09e3\u0a01-\u0dff"
_SYMBOLS = "\u2600-\u27bf\U0001f000-\U0001faff"
_LETTER = rf"(?:[^\W_{_UNSPACED}]|[{_INDIC_MARKS}])"
_WORD = re.compile(rf"[{_UNSPACED}]+|{_LETTER}+|[{_SYMBOLS}]")
_RUN = re.compile(f"[{_UNSPACED}]+")

# Invisible characters: soft hyphens, joiners, bidirectional marks, variation selectors.
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
# Accents, the vowel points of Hebrew and Arabic, and the Arabic tatweel.
_ACCENTS = (
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u065f\u0670"
)
# What a word is made of, for a character class: `\\w` has no combining marks.
WORD_CHARACTERS = rf"\w{_UNSPACED}{_INDIC_MARKS}{_ACCENTS}"
UNSPACED_CHARACTERS = _UNSPACED
_UNSEEN = re.compile(f"[{_INVISIBLE}]+")
_ACCENT = re.compile(f"[{_ACCENTS}]+")
# A word in a text, with its accents and invisible characters.
_STANDING = re.compile(rf"(?:[{_UNSPACED}]|{_LETTER}|[{_ACCENTS}{_INVISIBLE}])+|[{_SYMBOLS}]")
# Superscript numbers of footnotes, and signs that are not letters.
_APART = re.compile("(?<=[^\\W\\d_]{4})[\u00b9\u00b2\u00b3\u2070-\u2079]+|[\u2120\u2122\u00a9\u00ae]")
# Letters that do not decompose.
_LIKE = str.maketrans(
    {
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ħ": "h",
        "ŧ": "t",
        "\u0131": "i",
        "ŋ": "n",
    }
)
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2212"), "-") | dict.fromkeys(map(ord, "\u2018\u2019\u02bc"), "'")

# Longer names are encoded data.
_LONGEST_NAME = 64
_NAME = re.compile(rf"(?<![A-Za-z0-9])[A-Za-z0-9]{{3,{_LONGEST_NAME}}}(?![A-Za-z0-9])")
# Two lower-case letters after capitals: `HTTP|Server`, but neither `PDFs` nor `IPv6`; `base64|Encode`.
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})|(?<=[0-9])(?=[A-Z][a-z]{2})")
# The `v` of a version is no part of its number.
_VERSION = re.compile(r"(?<![^\W_])[vV](?=[0-9]+\.[0-9])")

_CAPITALS = re.compile(r"(?<![^\W_])[A-Z]{2,6}(?![^\W_])")
_INITIALS = re.compile(r"(?<![^\W_])(?:[A-Z]\.){2,5}(?![^\W_])")
# `e-mail`, `get_file_size`, `1,000`: also written as one word.
_JOINED = re.compile(r"(?<![^\W])[^\W_]+(?:[-_][^\W_]+){1,7}(?![^\W_])|(?<![\w,.])[0-9]{1,3}(?:,[0-9]{3})+(?![\w,])")
_BETWEEN = re.compile("[-_,]")
# Literals: with a digit and punctuation inside, options, and languages such as C++.
_LITERAL = re.compile(
    r"(?<![\w-])--?[a-z][\w-]*(?<![-_])"
    r"|(?<![\w.])[^\W_]+(?:[-.:/@_+#&\\][^\W_]+)+(?<=[\w])(?<!_)"
    r"|(?<![\w])[a-z](?:\+\+|#)(?![\w#+])"
)
_LONGEST_LITERAL = 80


def fold(text: str) -> str:
    """Normalise case, accents, ligatures, widths and hyphens, and remove invisible characters."""
    if text.isascii():
        return text.lower()
    # Composed first, since a footnote's number is told by the letters before it.
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", text))
    text = unicodedata.normalize("NFKD", _APART.sub(" ", text))
    return unicodedata.normalize("NFC", _ACCENT.sub("", text).casefold().translate(_LIKE | _DASHES))


def visible(text: str) -> str:
    """Compose the characters of a text and remove invisible ones."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).translate(_DASHES)


def words(text: str) -> list[str]:
    """List the folded words of a text; for scripts without blanks, each character with the next, the last alone."""
    return _split(fold(text))


def forms(text: str) -> list[str]:
    """List the folded words of a text, with names split at their capitals."""
    return _split(fold(apart(text)))


def apart(text: str) -> str:
    """Split a name at its capitals and numbers: `getFileSize` -> `get File Size`, `v1.2` -> `v 1.2`."""
    return _VERSION.sub("v ", _NAME.sub(lambda name: _SEAM.sub(" ", name[0]), text))


def extras(text: str) -> list[str]:
    """List the further terms by which a text is found: parts of names, joined names, capitals, literals."""
    seen = text if text.isascii() else _UNSEEN.sub("", text)
    folded = fold(text)
    found: dict[str, None] = {}
    for name in _NAME.findall(seen):
        parts = _SEAM.sub(" ", name)
        if parts != name:
            found.update(dict.fromkeys(parts.lower().split()))
            found[name.lower() + EXACT] = None
    found |= dict.fromkeys(one + EXACT for one in joined(folded))
    found |= dict.fromkeys(one + EXACT for one in literals(folded))
    found |= dict.fromkeys(one + CAPITALS for one in capitals(seen))
    return list(found)


def joined(folded: str) -> Iterator[str]:
    """Yield names with hyphens or underscores, and numbers with commas, as one word each."""
    for match in _JOINED.finditer(folded):
        if len(match[0]) <= _LONGEST_NAME:
            yield _BETWEEN.sub("", match[0])


def literals(folded: str) -> Iterator[str]:
    """Yield options and what has marks in it, such as names, numbers and paths, as they are written."""
    for match in _LITERAL.finditer(folded):
        if len(match[0]) <= _LONGEST_LITERAL:
            yield match[0]


def capitals(text: str) -> Iterator[str]:
    """Yield the words in capitals, such as `IT` and `U.S.`, in lower case."""
    for match in _CAPITALS.findall(text):
        yield match.lower()
    for match in _INITIALS.findall(text):
        yield match.replace(".", "").lower()


def standing(text: str) -> Iterator[tuple[int, str]]:
    """Yield (position, word as it is written) of each word of a text."""
    return ((match.start(), match[0]) for match in _STANDING.finditer(text))


def unspaced(word: str) -> bool:
    """Whether a word is of a script without blanks between words."""
    return _RUN.fullmatch(word) is not None


def alphabetic(word: str) -> bool:
    """Whether a word is of letters and their marks only."""
    return "".join(each for each in word if not unicodedata.category(each).startswith("M")).isalpha()


def _split(folded: str) -> list[str]:
    found = _WORD.findall(folded)
    if folded.isascii() or not _RUN.search(folded):
        return found
    return [part for word in found for part in (_pairs(word) if unspaced(word) else [word])]


def _pairs(run: str) -> list[str]:
    """Pair each character of a run with the next one, the last one alone, without combining marks."""
    letters = "".join(filter(str.isalnum, run))
    return [letters[start : start + 2] for start in range(len(letters))]
