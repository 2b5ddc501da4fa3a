"""Find the headings and their levels, by the file's outline, else by the size and weight of the type."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS
from openclaw_instructor.documents.pdf.layout import Line

Style: TypeAlias = tuple[float, bool]
Outline: TypeAlias = Sequence[tuple[int, str, int]]

_LARGER = 1.12
_MAX_BOLD = 120
_MAX_LEVEL = 6
_SENTENCE_END = re.compile(r"[,;]$|[a-z]{3}\.$")
# Dot leaders of a table of contents.
LEADERS = re.compile(r"(?:\s\.){2,}|[.·]{4,}")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
# A style that makes up a larger share of the lines than this is body text.
_MAX_SHARE = 0.2
# A wide gap may follow a heading's number; other wide gaps separate the cells of a row.
_NUMBERED = re.compile(r"(?:\w{1,12}\s)?[\dA-Z][\d.]*\s")
_PAGE_AT_END = re.compile(r"\s(?:\d{1,4}|[ivxlc]{1,6})$")


class Headings:
    """Levels of heading styles in a document; `outline` has (level from 0, title, page) of the file's bookmarks."""

    def __init__(self, lines: Iterable[tuple[int, Line]], outline: Outline = ()) -> None:
        lines = list(lines)
        characters: Counter[Style] = Counter()
        count: Counter[Style] = Counter()
        for _, line in lines:
            if not line.is_mono:
                characters[_style(line)] += len(line.text)
                count[_style(line)] += 1
        self._body = max(characters, key=lambda style: characters[style], default=(10.0, False))
        self._outline: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for level, title, page in outline:
            self._outline[_letters(title)].append((page, level))
        limit = max(3, _MAX_SHARE * len(lines))
        styles = {_style(line) for _, line in lines if self._stands_out(line) and count[_style(line)] <= limit}
        self._levels = self._leveled(styles, lines)

    def level(self, line: Line, page: int) -> int:
        """Return the level of a line that may be a heading; 0 for body text."""
        if line.is_mono or LEADERS.search(line.text):
            return 0
        bookmark = self._bookmark(line, page)
        if bookmark is not None:
            return min(_MAX_LEVEL, bookmark + 1)
        return self._levels.get(_style(line), 0) if self._stands_out(line) else 0

    def same_style(self, one: Line, other: Line) -> bool:
        """Whether two lines can belong to one heading."""
        return _style(one) == _style(other)

    def _bookmark(self, line: Line, page: int) -> int | None:
        found = self._outline.get(_letters(line.text), ()) if len(line.text) <= MAX_HEADING_CHARACTERS else ()
        return next((level for at, level in found if abs(at - page) <= 1), None)

    def _stands_out(self, line: Line) -> bool:
        text = line.text
        if line.is_mono or sum(map(str.isalpha, text)) < 2 or len(text) > MAX_HEADING_CHARACTERS:
            return False
        if LEADERS.search(text) or _SENTENCE_END.search(text) or (line.segments > 1 and not _NUMBERED.match(text)):
            return False
        if line.segments > 1 and _PAGE_AT_END.search(text):
            return False
        size, is_bold = self._body
        if line.size >= _LARGER * size:
            return True
        return line.is_bold and not is_bold and line.size >= 0.95 * size and len(text) <= _MAX_BOLD

    def _leveled(self, styles: set[Style], lines: Sequence[tuple[int, Line]]) -> dict[Style, int]:
        ranked = sorted(styles, key=lambda style: (-style[0], not style[1]))
        known: dict[Style, Counter[int]] = defaultdict(Counter)
        for page, line in lines:
            bookmark = self._bookmark(line, page) if _style(line) in styles else None
            if bookmark is not None:
                known[_style(line)][bookmark + 1] += 1
        levels: dict[Style, int] = {}
        above = 0
        for style in ranked:
            level = known[style].most_common(1)[0][0] if style in known else above + 1
            levels[style] = min(_MAX_LEVEL, level)
            # Larger type that is not in the outline, such as a book's title, does not shift the levels.
            above = levels[style] if style in known or not self._outline else above
        return levels


def _style(line: Line) -> Style:
    return round(line.size * 2) / 2, line.is_bold


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", text).casefold()
