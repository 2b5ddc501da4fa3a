"""Normalise characters that look like others: remove those without width, and replace mathematical letters."""

from __future__ import annotations

import re
import unicodedata

from openclaw_instructor.text import clean

# Joiners are part of the spelling in scripts that join or stack letters.
_JOINERS = "\u200c\u200d"
_JOINING_SCRIPTS = "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\ufb50-\ufdff\ufe70-\ufefc"
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"
    # Combining strokes through letters.
    "\u0334-\u0338\u20d2\u20d3\u20e5-\u20eb"
    # Control characters except tab, line feed and carriage return.
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]"
    rf"|(?<![{_JOINING_SCRIPTS}])[{_JOINERS}]"
)
_LINE_ENDS = re.compile("\r\r\n|\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]")
_DRESSED = re.compile(
    "[\U0001d400-\U0001d7ff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u249c-\u24e9\ufb00-\ufb06"
    "\u2102\u210a-\u2115\u2119-\u211d\u2124\u2128\u212c\u212d\u212f-\u2134\u2139\u2145-\u2149"
    "\U0001f110-\U0001f12b\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189]+"
)
# White letters on black, for which Unicode has no decomposition.
_NEGATIVE = {start + number: chr(ord("A") + number) for start in (0x1F150, 0x1F170) for number in range(26)}


def visible(text: str) -> str:
    """Normalise line ends to line feeds and remove invisible characters.

    Zero-width and directional characters, soft hyphens, strokes and controls vanish; wide and narrow spaces become
    spaces; letters and digits from the mathematical, full-width, circled and squared blocks become plain ones. Half
    surrogates are replaced. Circled numbers, narrow kana and the like stay.
    """
    text = clean(text)
    if text.isascii() and "\r" not in text and text.isprintable():
        return text
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    return _DRESSED.sub(_undressed, _SPACES.sub(" ", text))


def one_line(text: str, longest: int) -> str:
    """Put the visible text on one line, cut to `longest` characters."""
    return " ".join(visible(text[: 4 * longest]).split())[:longest]


def _undressed(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", found[0]).translate(_NEGATIVE)
