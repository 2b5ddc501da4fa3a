"""Find text printed on many pages at the same place: running headers and footers, page numbers, watermarks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from openclaw_instructor.documents.pdf.extraction import Page, Segment

_Key: TypeAlias = tuple[str, str, int]

_EDGE = 0.14
_EDGE_LINES = 3
_MAX_NUMBER = 40
_NUMBER = re.compile(r"\d+")
_ROMAN = re.compile(r"\b[ivxlc]{1,8}\b", re.IGNORECASE)
_BARE_NUMBER = re.compile(
    r"\W*(?:\w{1,8}\s)?(?:\d{1,5}|[ivxlc]{1,8})(?:\s?(?:/|of|von|de|sur|di|из)\s?\d{1,5})?\W*", re.IGNORECASE
)


class Running:
    """Knows the running lines of a document from all of its pages."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._keys: Counter[_Key] = Counter()
        self._asides: Counter[str] = Counter()
        numbered = count = 0
        for page in pages:
            count += 1
            edges = list(_edge_lines(page))
            self._keys.update({_key(zone, segment) for zone, line in edges for segment in line})
            self._asides.update(set(page.aside))
            numbered += any(len(line) == 1 and _is_number(line[0]) for _, line in edges)
        # With two pages both must have the text; in a long document a chapter's name is on a few pages.
        self._enough = 2 if count <= 4 else 3
        self._has_numbers = numbered >= max(2, count // 3)
        self._places = self._running_places(count)

    def without(self, page: Page) -> list[Segment]:
        """Remove running headers and footers from the page's segments."""
        running: set[int] = set()
        for zone, line in _edge_lines(page):
            found = [segment for segment in line if self._runs(zone, segment)]
            # A number alone on its line, or next to a running header.
            numbers = [segment for segment in line if _is_number(segment)]
            if len({segment.order for segment in (*found, *numbers)}) == len(line) and (found or self._has_numbers):
                found = line
            running |= {segment.order for segment in found}
        own = [segment for segment in page.segments if segment.order not in running]
        # If pages are all alike, such as forms, nothing on them is a running header.
        return own or page.segments

    def aside(self, page: Page) -> list[str]:
        """Remove texts that recur on other pages from the page's texts in another direction."""
        return [text for text in page.aside if self._asides[text] < self._enough]

    def _runs(self, zone: str, segment: Segment) -> bool:
        _, text, y = _key(zone, segment)
        if sum(self._keys[zone, text, y + off] for off in (-1, 0, 1)) >= self._enough:
            return True
        return (zone, y) in self._places

    def _running_places(self, pages: int) -> set[tuple[str, int]]:
        """Find the heights at which most text recurs; other text there, such as a short chapter's name, recurs too."""
        total: Counter[tuple[str, int]] = Counter()
        repeated: Counter[tuple[str, int]] = Counter()
        for (zone, _, y), count in self._keys.items():
            total[zone, y] += count
            repeated[zone, y] += count if count >= self._enough else 0
        return {
            place for place, count in total.items() if count >= max(6, pages // 4) and repeated[place] > 0.6 * count
        }


def _edge_lines(page: Page) -> Iterator[tuple[str, list[Segment]]]:
    """Find the outermost lines at the top and the bottom."""
    height = page.bottom - page.top
    for zone, sign in (("top", 1), ("bottom", -1)):
        limit = page.top + _EDGE * height if sign > 0 else page.bottom - _EDGE * height
        lines: list[list[Segment]] = []
        for segment in sorted((s for s in page.segments if (limit - s.y) * sign > 0), key=lambda s: s.y * sign):
            if not lines or abs(segment.y - lines[-1][0].y) > 0.4 * segment.size:
                if len(lines) == _EDGE_LINES:
                    break
                lines.append([])
            lines[-1].append(segment)
        yield from ((zone, line) for line in lines)


def _is_number(segment: Segment) -> bool:
    return len(segment.text) <= _MAX_NUMBER and bool(_BARE_NUMBER.fullmatch(segment.text))


def _key(zone: str, segment: Segment) -> _Key:
    """Return what is equal on every page: the position, and the text without numbers."""
    text = _ROMAN.sub("#", _NUMBER.sub("#", segment.text.casefold()))
    return zone, " ".join(text.split()), round(segment.y / 3)
