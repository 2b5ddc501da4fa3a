"""Join lines into paragraphs, and words that were hyphenated at line ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from openclaw_instructor.documents.pdf.headings import LEADERS, Headings
from openclaw_instructor.documents.pdf.layout import Line

_ITEM = re.compile(r"(?:[•‣◦▪■●○◆➢–—*·o-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|\[\d{1,3}\])\s")  # noqa: RUF001
_LEADERS = re.compile(r"(?:\s?[.·]){5,}\s?")
_BROKEN = re.compile(r"([^\W\d_]{2,40})[-\u2010]$")
_FIRST_WORD = re.compile(r"[^\W\d_]{1,40}")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_STOP = re.compile(r"[.:!?;…]['\")\]”’]?$")  # noqa: RUF001
_MAX_HEADING_LINES = 3
_CJK = (0x2E80, 0x9FFF)


@dataclass
class Paragraph:
    """A paragraph, heading (`level` above 0) or run of code on page `page`."""

    text: str
    page: int
    level: int = 0
    is_code: bool = False


class Words:
    """Counts how often each word occurs unbroken in a document."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._counts: Counter[str] = Counter()
        is_broken = False
        for text in texts:
            found = [word[0].casefold() for word in _WORD.finditer(text)]
            # Broken words are not counted.
            start, is_broken = int(is_broken), bool(_broken(text))
            self._counts.update(found[start : len(found) - is_broken])

    def joined(self, before: str, after: str) -> str:
        """Join two texts across a line end."""
        dropped, between = self.joint(before, after)
        return f"{before[: len(before) - dropped]}{between}{after}"

    def joint(self, before: str, after: str) -> tuple[int, str]:
        """Return (characters to remove from the end of the first text, what to put between them)."""
        broken, rest = _broken(before), _FIRST_WORD.match(after)
        if not broken or not rest or not rest[0][0].islower():
            no_space = before[-1:] in "-\u2010" and before[-2:-1].isalnum()
            return 0, "" if no_space or _runs_on(before, after) else " "
        return int(not self._is_compound(broken.casefold(), rest[0].casefold())), ""

    def _is_compound(self, first: str, second: str) -> bool:
        """Whether the hyphen between two parts is part of the word's spelling."""
        whole, compound = self._counts[first + second], self._counts[f"{first}-{second}"]
        if whole or compound:
            return compound > whole
        return min(len(first), len(second)) > 2 and bool(self._counts[first] and self._counts[second])


def _runs_on(before: str, after: str) -> bool:
    """Whether the text is of a script that writes no spaces."""
    return bool(before and after) and all(_CJK[0] <= ord(letter) <= _CJK[1] for letter in (before[-1], after[0]))


def paragraphs(lines: Sequence[Line], page: int, headings: Headings, words: Words) -> Iterator[Paragraph]:
    """Group the lines of a page into paragraphs."""
    leading = _leading(lines)
    group: list[Line] = []
    level = 0
    for line in lines:
        own = headings.level(line, page)
        if group and not _same(group, line, level, own, headings, leading):
            yield _paragraph(group, page, level, words)
            group = []
        if not group:
            level = own
        group.append(line)
    if group:
        yield _paragraph(group, page, level, words)


def _leading(lines: Sequence[Line]) -> float:
    """Measure the usual line spacing within a paragraph."""
    steps = [
        after.y - before.y
        for before, after in pairwise(lines)
        if before.region == after.region and 0 < after.y - before.y < 3 * after.size
    ]
    return median(steps) if steps else 0.0


def _same(group: list[Line], line: Line, level: int, own: int, headings: Headings, leading: float) -> bool:
    """Whether a line continues the paragraph before it."""
    before = group[-1]
    step = line.y - before.y
    near = before.region == line.region and step >= 0
    if level or own:
        close = step <= 1.6 * max(line.size, before.size)
        return level == own and near and close and headings.same_style(before, line) and len(group) < _MAX_HEADING_LINES
    if before.is_mono != line.is_mono:
        return False
    if before.is_mono:
        return near and step <= 2.6 * max(leading, line.size)
    if LEADERS.search(before.text):
        return False
    if not near:
        return _goes_on(before, line)
    if step > 1.35 * max(leading, 1.05 * line.size) or abs(line.size - before.size) > 0.12 * before.size:
        return False
    if _ITEM.match(line.text) and (
        _STOP.search(before.text) or _ITEM.match(group[0].text) or line.x0 <= group[0].x0 + 1
    ):
        return False
    indent = line.x0 - before.x0
    if len(group) > 1 and indent > 0.8 * line.size:
        return False
    width = max(line.right - line.left, 1.0)
    return not (before.right - before.x1 > 0.2 * width and _STOP.search(before.text))


def _goes_on(before: Line, line: Line) -> bool:
    """Whether a sentence continues at the top of the next column."""
    broken = bool(_broken(before.text)) and not _STOP.search(before.text)
    return line.y < before.y and line.text[:1].islower() and (broken or not _STOP.search(before.text))


def _paragraph(group: list[Line], page: int, level: int, words: Words) -> Paragraph:
    if group[0].is_mono:
        left = min(line.x0 for line in group)
        code = "\n".join(" " * min(60, round((line.x0 - left) / (0.6 * line.size))) + line.text for line in group)
        return Paragraph(code, page, is_code=True)
    pieces = [group[0].text]
    for line in group[1:]:
        # Rows of a table stay separate lines; the continuation of a cell does not.
        is_row = line.segments > 1 and not _broken(pieces[-1])
        dropped, between = (0, "\n") if is_row else words.joint(pieces[-1], line.text)
        pieces[-1] = pieces[-1][: len(pieces[-1]) - dropped] + between
        pieces.append(line.text)
    return Paragraph(_LEADERS.sub(" … ", "".join(pieces)).strip(), page, level)


def _broken(text: str) -> str:
    """Return the word fragment before a hyphen at the end of a text; "" for any other text."""
    found = _BROKEN.search(text[-60:])
    return found[1] if found else ""


def mend_pages(before: Paragraph, after: Paragraph, words: Words) -> None:
    """Move the rest of a word that is broken by a page end to the page where it begins."""
    first, _, rest = after.text.partition(" ")
    if before.level or after.level or before.is_code or after.is_code or not _broken(before.text):
        return
    if first[:1].islower():
        before.text = words.joined(before.text, first)
        after.text = rest
