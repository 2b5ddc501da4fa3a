"""Cut a passage to the lines that match the query best."""

from __future__ import annotations

import re
from collections.abc import Sequence

from openclaw_instructor.index.fulltext import WORD, unspaced

MAX_CHARACTERS = 1_500
_STEM_LENGTH = 5
_ELLIPSIS = "…"


def snippet(text: str, first_line: int, terms: Sequence[str], limit: int = MAX_CHARACTERS) -> tuple[str, int, int]:
    """Return (excerpt of at most `limit` characters, its first line, its last line).

    The excerpt is a run of whole lines: the one with the most different query words, and of those the first. Only when
    the best line alone is too long is it cut, around its best part, with an ellipsis at each cut.
    """
    lines = text.split("\n")
    if len(text) <= limit:
        return _trimmed(lines, first_line)
    stems = {_stem(term) for term in terms}
    runs = [stem for stem in stems if unspaced(stem)]
    found = [{stem for _, stem in _hits(line, stems, runs)} for line in lines]
    best, best_score = (0, 0), -1
    end = 0
    size = -1
    for start in range(len(lines)):
        if end <= start:
            end, size = start, -1
        while end < len(lines) and size + len(lines[end]) + 1 <= limit:
            size += len(lines[end]) + 1
            end += 1
        score = len(set().union(*found[start : max(end, start + 1)])) if stems else 0
        if score > best_score:
            best, best_score = (start, max(end, start + 1)), score
        if end > start:
            size -= len(lines[start]) + 1
    start, stop = best
    if stop - start == 1 and len(lines[start]) > limit:
        return _clipped(lines[start], _hits(lines[start], stems, runs), limit), first_line + start, first_line + start
    return _trimmed(lines[start:stop], first_line + start)


def _trimmed(lines: list[str], first_line: int) -> tuple[str, int, int]:
    """Remove the blank lines at both ends."""
    written = [number for number, line in enumerate(lines) if line.strip()] or [0]
    kept = lines[written[0] : written[-1] + 1]
    return "\n".join(kept), first_line + written[0], first_line + written[-1]


def _clipped(line: str, hits: list[tuple[int, str]], limit: int) -> str:
    """Cut one line to the part with the most different stems close together."""
    room = limit - 2 * len(_ELLIPSIS)
    best, best_score = 0, 0
    for index, (position, _) in enumerate(hits):
        near = {stem for other, stem in hits[index:] if other < position + room * 3 // 4}
        if len(near) > best_score:
            best, best_score = position, len(near)
    start = max(0, min(best - room // 4, len(line) - room))
    if start:
        # A run without blanks may begin before and end behind the best part: there is no word to start at.
        start = next((word.start() for word in WORD.finditer(line) if start <= word.start() <= best), start)
    stop = min(len(line), start + room)
    return f"{_ELLIPSIS if start else ''}{line[start:stop]}{_ELLIPSIS if stop < len(line) else ''}"


def _hits(line: str, stems: set[str], runs: list[str]) -> list[tuple[int, str]]:
    """Find the stems in a line, in order, as words; those in `runs` also inside a run without blanks."""
    words = [(match.start(), stem) for match in WORD.finditer(line) if (stem := _stem(match[0])) in stems]
    inside = [(match.start(), stem) for stem in runs for match in re.finditer(stem, line)]
    return sorted(words + inside)


def _stem(word: str) -> str:
    """Cut a word to the part that its inflections share, roughly."""
    return word.casefold()[:_STEM_LENGTH]
