"""Domains that pretend to be others: letters that look alike, mixed scripts, one letter changed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

from openclaw_instructor.documents.email.links import domain_of

# What is taken for another letter at a glance. `i`, `l` and `1` are one.
_LOOKALIKES = str.maketrans(
    {
        **dict(zip("013457i", "oleastl", strict=True)),
        **dict(zip("аеорсухіѕԁɡոӏјһкмтвн", "aeopcyxlsdgnljhkmtbh", strict=True)),
        **dict(zip("ανορτκιυχ", "avoptklux", strict=True)),
        "\N{LATIN SMALL LETTER DOTLESS I}": "l",
    }
)
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_LEAST_LETTERS = 5


def unicode_domain(domain: str) -> str:
    """Decode the labels of a domain that are written in Punycode."""
    labels = []
    for label in domain.lower().split("."):
        if label.startswith("xn--"):
            with suppress(ValueError):
                label = label[4:].encode("ascii").decode("punycode")
        labels.append(label)
    return ".".join(labels)


def has_foreign_letters(domain: str) -> bool:
    """Whether a label mixes Latin with another script, or is of another script and looks Latin."""
    for label in unicode_domain(domain).split("."):
        if label.isascii():
            continue
        scripts = {_script(letter) for letter in label if letter.isalpha()}
        if len(scripts) > 1 and "LATIN" in scripts:
            return True
        if scripts and "LATIN" not in scripts and skeleton(label).isascii():
            return True
    return False


@lru_cache(maxsize=20_000)
def skeleton(text: str) -> str:
    """Reduce a name to what it looks like: names of one skeleton are taken for one another."""
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(letter)
    )
    plain = plain.translate(_LOOKALIKES)
    for pair, letter in _PAIRS:
        plain = plain.replace(pair, letter)
    return plain


def is_lookalike(domain: str, known: Iterable[str], name: str = "") -> bool:
    """Whether a domain looks like a known one, or like a word of the display name, and is neither."""
    registered = domain_of(unicode_domain(domain))
    first = registered.partition(".")[0].replace("-", "")
    looks_like = skeleton(registered)
    for other in known:
        wanted = domain_of(other)
        if wanted != registered and (skeleton(wanted) == looks_like or _one_letter_apart(wanted, registered)):
            return True
    words = {word.strip(".,()'\"").lower() for word in name.split()}
    return any(
        len(word) >= _LEAST_LETTERS and word.isalpha() and word != first and skeleton(word) == skeleton(first)
        for word in words
    )


def _one_letter_apart(one: str, other: str) -> bool:
    """Whether two domains of one ending differ by one letter added, left out, changed or swapped."""
    if one.partition(".")[2] != other.partition(".")[2]:
        return False
    a, b = one.partition(".")[0], other.partition(".")[0]
    if a == b or min(len(a), len(b)) < _LEAST_LETTERS + 1 or abs(len(a) - len(b)) > 1:
        return False
    begin = 0
    while begin < min(len(a), len(b)) and a[begin] == b[begin]:
        begin += 1
    if a[begin + 1 :] == b[begin:] or a[begin:] == b[begin + 1 :] or a[begin + 1 :] == b[begin + 1 :]:
        return True
    return a[begin : begin + 2] == b[begin : begin + 2][::-1] and a[begin + 2 :] == b[begin + 2 :]


def _script(letter: str) -> str:
    return unicodedata.name(letter, "OTHER").partition(" ")[0]
