"""Remove what organisations and programs add to a message: gateway warnings, signatures, legal notices.

They are the same under every message, and the longest part of a short one. Each is recognised by several signs, and
nothing is left out of which nothing would remain.
"""

from __future__ import annotations

import re

from openclaw_instructor.documents.email import boilerplate_words as words

BANNER, SIGNATURE, NOTICE = "a warning of the mail gateway", "signature", "legal notice"

_BANNER_LINES, _LONGEST_BANNER = 8, 600
_SIGNATURE_LINES, _LONGEST_SIGNATURE_LINE = 15, 120
_SHORTEST_NOTICE, _NOTICE_LINES = 60, 40
_MOST_CHECKS = 200  # of lines where a notice may begin
_SEARCHED = 2_000  # characters of a line

_DELIMITERS = ("--", "—", "–", "-- -", "---- --")
_UNDERSCORES = re.compile(r"\s*_{5,}\s*$")
_POINT = re.compile(r"^(?:[-*•+]|\d{1,2}[.)])\s|[?？]$")
_SENTENCE = re.compile(r"^(?:[-*•+]|\d{1,2}[.)])\s|[?？。]$|^\S+\s\S+\s\S+\s.*[.!]$")
# Outlook's plain text shows where a link leads.
_LINK = re.compile(r"<https?://[^<>\s]{1,250}>$")
_POSTSCRIPT = re.compile(r"\s*p\.?\s?s\b", re.IGNORECASE)


def without_banner(lines: list[str]) -> tuple[list[str], bool]:
    """Remove a gateway's warning about external mail from the start of the lines."""
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    found = False
    while first < len(lines):
        end = _banner_end(lines, first)
        rest = next((number for number in range(end, len(lines)) if lines[number].strip(" \t_*=-")), len(lines))
        if end == first or rest == len(lines):
            break
        found, first = True, rest
    return (lines[first:] if found else lines), found


def without_endings(lines: list[str]) -> tuple[list[str], list[str]]:
    """Remove signature and legal notice, and say what was removed."""
    left_out: list[str] = []
    kept = [line for line in lines if not is_program_line(line)]
    for what, cut in ((SIGNATURE, _delimited), (NOTICE, _without_notices), (SIGNATURE, _closed)):
        shorter = cut(kept)
        if len(shorter) < len(kept) and any(line.strip(" _") for line in shorter):
            kept = shorter
            left_out.append(what)
    return kept, left_out


def is_program_line(line: str) -> bool:
    """Whether a program wrote the line to name itself, as in "Sent from my phone"."""
    line = _LINK.sub("", line.strip()[:300]).rstrip()
    if not 6 < len(line) < 100:
        return False
    if words.ADVERTISED.match(line):
        return True
    begun = words.DEVICE_BEGIN.match(line) is not None
    named = begun or line.rstrip(".").casefold().endswith(words.DEVICE_END)
    return named and line[-1] not in "?!:" and words.DEVICE_NAME.search(line) is not None


def _delimited(lines: list[str]) -> list[str]:
    """Cut the lines at a "--" line, or at a line of underscores above a few short lines."""
    begun = False
    for number, line in enumerate(lines):
        if begun and line.rstrip() in _DELIMITERS:
            return lines[:number]
        if begun and len(lines) - number <= 4 * _SIGNATURE_LINES and _UNDERSCORES.match(line):
            below = lines[number + 1 :]
            if any(filled.strip(" _") for filled in below[:_SIGNATURE_LINES]) and _is_short(below, _POINT):
                return lines[:number]
        begun = begun or bool(line.strip(" _"))
    return lines


def _closed(lines: list[str]) -> list[str]:
    """Cut the lines at a closing formula above a few short lines; a postscript below it is kept."""
    first = max(0, len(lines) - 3 * _SIGNATURE_LINES)
    for number in range(len(lines) - 1, first, -1):
        phrase = lines[number].strip(" \t,.!;:-–—*_。！，").casefold()
        below = lines[number + 1 :]
        if phrase in words.CLOSINGS and below and _is_short(below, _SENTENCE):
            postscript = next((place for place, line in enumerate(below) if _POSTSCRIPT.match(line)), len(below))
            return lines[:number] + below[postscript:]
    return lines


def _is_short(lines: list[str], unlike: re.Pattern[str]) -> bool:
    """Whether the lines may be a signature: few and short, none of them like a sentence of a message."""
    filled = [line.strip() for line in lines[: 4 * _SIGNATURE_LINES] if line.strip()]
    if len(filled) > _SIGNATURE_LINES or len(lines) > 4 * _SIGNATURE_LINES:
        return False
    return all(len(line) <= _LONGEST_SIGNATURE_LINE and not unlike.search(line) for line in filled)


def _without_notices(lines: list[str]) -> list[str]:
    notices = _Notices(lines)
    kept: list[str] = []
    number = 0
    begun = False
    while number < len(lines):
        end = notices.end(number) if begun else number
        if end == number:
            kept.append(lines[number])
            begun = begun or bool(lines[number].strip())
            end = number + 1
        number = end
    return kept


class _Notices:
    """Finds the legal notices among the lines of a message."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        text = "\n".join(line[:_SEARCHED] for line in lines).casefold()
        whole = text.replace("\n", " ")
        self._present = [[sign for sign in map(str.casefold, signs) if sign in whole] for signs in words.NOTICE_SIGNS]
        possible = self._present[words.MEANT_FOR] or self._present[words.ASTRAY]
        self._shown = [self._signs(line) if possible else set() for line in text.split("\n")]
        self._checks = _MOST_CHECKS

    def end(self, number: int) -> int:
        """Return the line after the notice that begins at this line; `number` if none does."""
        lines, shown = self._lines, self._shown
        titled = words.NOTICE_TITLE.match(lines[number]) is not None
        if self._checks <= 0 or not (titled or shown[number]):
            return number
        begin = number
        if titled and not shown[number] and number + 2 < len(lines) and not lines[number + 1].strip():
            begin = number + 2  # a title with an empty line below
        end = begin
        signs: set[int] = set()
        while end < len(lines) and end - begin < _NOTICE_LINES and lines[end].strip():
            # Paragraphs of HTML are one line each, without empty lines between them.
            if end > begin and len(signs) >= 2 and not shown[end] and len(lines[end - 1]) > _LONGEST_SIGNATURE_LINE:
                break
            signs |= shown[end]
            end += 1
        self._checks -= 1
        text = " ".join(lines[begin:end])
        signs |= self._signs(text[: 10 * _SEARCHED].casefold())  # also across a line end
        meant = words.MEANT_FOR in signs or words.ASTRAY in signs
        return end if meant and len(signs) + titled >= 2 and len(text) >= _SHORTEST_NOTICE else number

    def _signs(self, text: str) -> set[int]:
        return {number for number, signs in enumerate(self._present) if any(sign in text for sign in signs)}


def _banner_end(lines: list[str], first: int) -> int:
    if words.SHORT_BANNER.match(lines[first]):
        return first + 1
    end = first
    while end < len(lines) and end - first < _BANNER_LINES and lines[end].strip():
        end += 1
    # Wrapped lines continue to the end of their paragraph; a paragraph of HTML is one line.
    end = first + 1 if len(lines[first]) > _LONGEST_SIGNATURE_LINE else end
    text = " ".join(lines[first:end])
    if len(text) > _LONGEST_BANNER:
        return first
    return end if words.OUTSIDE.search(text) and words.HEED.search(text) else first
