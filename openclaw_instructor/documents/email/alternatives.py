"""Choose between the plain and the HTML version of a message, and note where they differ.

Mail programs show the HTML. The plain version is used where both say the same, as it needs no guesses about layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MOST_WORDS = 5_000
_STUB_WORDS = 60
_WORD = re.compile(r"\w+")
_ADDRESS = re.compile(r"(?:https?://|www\.|mailto:|cid:)[^\s<>]{1,2000}", re.IGNORECASE)
_STUB = re.compile(
    r"html|browser|webview|web version|online|can(?:no|')t (?:show|display|view)|view (?:this|it)|navegador|navigateur|"
    r"im web|weboldal|prohlížeč|przegląd|браузер|ブラウザ|浏览器|瀏覽器|브라우저|tarayıcı|selain|nettleser|webbläsare",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choice:
    """Whether to use the HTML version, and whether the two versions differ."""

    html: bool
    differ: bool = False


def choose(plain: str, html: str) -> Choice:
    """Compare the words of the two versions."""
    if not html.strip() or not plain.strip():
        return Choice(html=not plain.strip() and bool(html.strip()))
    written, shown = _words(plain), _words(html)
    if not written or not shown:
        return Choice(html=bool(shown))
    common = len(written & shown)
    if 2 * common >= len(written):
        return Choice(html=len(shown - written) > max(10, 0.3 * len(shown)))
    # Some senders put only "your reader cannot show HTML" into the plain part.
    stub = len(written) <= _STUB_WORDS and _STUB.search(plain[:2_000]) is not None
    return Choice(html=True, differ=not stub)


def _words(text: str) -> set[str]:
    """Return the set of words, or of letter pairs in scripts without spaces between words."""
    words: set[str] = set()
    for found, _ in zip(_WORD.finditer(_ADDRESS.sub(" ", text)), range(_MOST_WORDS), strict=False):
        word = found[0][:60].casefold()
        if word.isascii() or not any("\u0e00" <= letter <= "\u0eff" or letter >= "\u3000" for letter in word):
            words.add(word)
        else:
            words.update(word[at : at + 2] for at in range(len(word) - 1))
    return words
