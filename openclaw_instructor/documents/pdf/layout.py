"""Order the segments of a page into lines in reading order, column by column.

A gutter splits a page into columns if there is text on both sides of it over several lines and the file either writes
one side after the other, or both sides are filled like columns of prose; the cells of a table are read row by row. Text
across the gutter, such as a title, divides the columns into bands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from openclaw_instructor.documents.pdf.extraction import Segment

_MAX_DEPTH = 3
_MIN_LINES = 3
# Pages of more segments are drawings, or hostile; they are read in the order of the file.
_MAX_SEGMENTS = 5_000
_BINS = 200
_RTL = (0x0590, 0x08FF)


@dataclass(frozen=True)
class Line:
    """A line of a column; `region` numbers the columns and bands of a page, `left` and `right` are their edges."""

    x0: float
    x1: float
    y: float
    size: float
    text: str
    is_bold: bool
    is_mono: bool
    region: int
    left: float
    right: float
    segments: int = 1


def lines_of(segments: Sequence[Segment]) -> list[Line]:
    """Arrange the lines in reading order."""
    if len(segments) > _MAX_SEGMENTS:
        regions: Iterator[list[Segment]] = iter([[segment] for segment in segments])
    else:
        regions = _regions(list(segments), 0)
    lines: list[Line] = []
    for number, region in enumerate(regions):
        left, right = min(s.x0 for s in region), max(s.x1 for s in region)
        lines += (_line(row, number, left, right) for row in _rows(region))
    return lines


def _regions(segments: list[Segment], depth: int) -> Iterator[list[Segment]]:
    """Split the page into columns and bands, in reading order."""
    gutter = _gutter(segments) if depth < _MAX_DEPTH and len(segments) >= 2 * _MIN_LINES else None
    if gutter is None:
        if segments:
            yield segments
        return
    across: list[Segment] = []
    for band in _bands(segments, gutter):
        left = [s for s in band if _side(s, gutter) < 0]
        right = [s for s in band if _side(s, gutter) > 0]
        if left and right and max(len(left), len(right)) >= _MIN_LINES:
            if across:
                yield across
                across = []
            yield from _regions(left, depth + 1)
            yield from _regions(right, depth + 1)
        else:
            # Include the last line of a paragraph across the gutter, which may be short.
            across += band
    if across:
        yield across


def _side(segment: Segment, gutter: float) -> int:
    """Return -1 left of the gutter, 1 right of it, 0 across it."""
    slack = 0.2 * segment.size
    if segment.x1 <= gutter + slack:
        return -1
    return 1 if segment.x0 >= gutter - slack else 0


def _bands(segments: list[Segment], gutter: float) -> Iterator[list[Segment]]:
    """Divide the segments, from top to bottom, into runs that cross the gutter and those between them."""
    band: list[Segment] = []
    crossing: bool | None = None
    for segment in sorted(segments, key=lambda s: (s.y, s.x0)):
        crosses = not _side(segment, gutter)
        if crossing is not None and crosses != crossing:
            # A segment beside the last line of the band above belongs to that row.
            if crossing and band and abs(segment.y - band[-1].y) < 0.3 * segment.size:
                band.append(segment)
                continue
            yield band
            band = []
        band.append(segment)
        crossing = crosses
    if band:
        yield band


def _gutter(segments: list[Segment]) -> float | None:
    left, right = min(s.x0 for s in segments), max(s.x1 for s in segments)
    width = right - left
    size = median(s.size for s in segments)
    if width < 12 * size:
        return None
    covered = [0] * (_BINS + 1)
    for segment in segments:
        first = int((segment.x0 - left) / width * _BINS)
        last = min(_BINS, int((segment.x1 - left) / width * _BINS))
        for number in range(first, last + 1):
            covered[number] += 1
    best: tuple[int, float] | None = None
    for x in _valleys(covered, left, width):
        sides = [_side(segment, x) for segment in segments]
        few = min(sides.count(-1), sides.count(1))
        if few >= _MIN_LINES and sides.count(0) <= 0.4 * len(sides) and (best is None or few > best[0]):
            best = (few, x) if _are_columns(segments, sides, size) else best
    return best[1] if best else None


def _valleys(covered: list[int], left: float, width: float) -> Iterator[float]:
    """Find the middles of the runs with the least text, away from the edges."""
    inner = range(_BINS * 12 // 100, _BINS * 88 // 100)
    for limit in sorted({covered[number] for number in inner})[:6]:
        start: int | None = None
        for number in (*inner, None):
            if number is not None and covered[number] <= limit:
                start = number if start is None else start
            elif start is not None:
                end = number if number is not None else inner[-1] + 1
                yield left + (start + end) / 2 / _BINS * width
                start = None


def _are_columns(segments: list[Segment], sides: list[int], size: float) -> bool:
    parted = [(s, side) for s, side in zip(segments, sides, strict=True) if side]
    left, right = ([s for s, side in parted if side == which] for which in (-1, 1))
    shared = min(max(s.y for s in left), max(s.y for s in right)) - max(min(s.y for s in left), min(s.y for s in right))
    if shared < (_MIN_LINES - 1) * size:
        return False
    written = [side for _, side in sorted(parted, key=lambda pair: pair[0].order)]
    turns = sum(before != after for before, after in pairwise(written))
    if turns <= max(1, len(written) // 10) and not _facing(left, right):
        return True
    return all(_is_prose(side, size) for side in (left, right))


def _facing(left: list[Segment], right: list[Segment]) -> bool:
    """Whether two sides are short segments side by side in each row, such as names and values."""
    rows = {round(s.y) for s in left} & {round(s.y) for s in right}
    short = sum(len(s.text) < 20 for s in (*left, *right)) > 0.7 * (len(left) + len(right))
    return short and len(rows) >= 0.7 * min(len(left), len(right))


def _is_prose(side: list[Segment], size: float) -> bool:
    width = max(s.x1 for s in side) - min(s.x0 for s in side)
    lengths: dict[int, float] = {}
    for segment in side:
        row = round(segment.y / size)
        lengths[row] = lengths.get(row, 0) + segment.x1 - segment.x0
    return width >= 10 * size and median(lengths.values()) >= 0.65 * width and len(lengths) >= _MIN_LINES + 1


def _rows(region: list[Segment]) -> Iterator[list[Segment]]:
    """Group the segments by baseline, from top to bottom."""
    row: list[Segment] = []
    for segment in sorted(region, key=lambda s: (s.y, s.x0)):
        if row and segment.y - row[0].y > 0.4 * max(row[0].size, segment.size):
            yield row
            row = []
        row.append(segment)
    if row:
        yield row


def _line(row: list[Segment], region: int, left: float, right: float) -> Line:
    letters = "".join(s.text for s in row)
    backwards = sum(_RTL[0] <= ord(letter) <= _RTL[1] for letter in letters) * 2 > len(letters)
    ordered = sorted(row, key=lambda s: s.x0, reverse=backwards)
    largest = max(row, key=lambda s: len(s.text))
    is_mono = all(s.is_mono for s in row)
    text = ordered[0].text
    for before, after in pairwise(ordered):
        gap = max(1, round((after.x0 - before.x1) / (0.6 * after.size))) if is_mono else 1
        text += " " * min(gap, 40) + after.text
    return Line(
        min(s.x0 for s in row),
        max(s.x1 for s in row),
        largest.y,
        largest.size,
        text,
        all(s.is_bold for s in row),
        is_mono,
        region,
        left,
        right,
        len(row),
    )
