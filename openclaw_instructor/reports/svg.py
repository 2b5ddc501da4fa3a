"""Charts as inline SVG: with a title and a description for screen readers, in the colours of what surrounds them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from openclaw_instructor.reports.markup import text as escaped
from openclaw_instructor.reports.page import Bar, Bars, Chart, Point, shortened

# Readable on light and dark grounds, where no style sheet names others; told apart by their dashes too.
COLOURS = ("#2f86b5", "#b3701f", "#3a9457", "#a35fb0", "#b8534c", "#7a7f2a")
_DASHES = ("", "7 4", "2 4", "9 3 2 3", "4 2", "1 3")
_WIDTH, _HEIGHT = 420, 280
_LEFT, _TOP, _RIGHT, _BOTTOM = 46, 12, 12, 44
_LINE_OF_LEGEND = 18
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_BAR, _GAP, _NAMES, _VALUES = 15, 9, 190, 130
_LONGEST_NAME = 28


def chart(shown: Chart) -> str:
    """Draw the curves over axes from 0 to 1, with marks, and a legend below where there are several."""
    legend = list(_legend([curve.name for curve in shown.curves])) if len(shown.curves) > 1 else []
    inner = [*_axes(shown)]
    if shown.diagonal:
        inner.append(_line((0, 0), (1, 1), 'stroke-opacity="0.45" stroke-dasharray="4 4"'))
    for number, (name, place) in enumerate(shown.marks.items()):
        inner.append(_line((place, 0), (place, 1), 'stroke-opacity="0.6" stroke-dasharray="2 3"'))
        x, y = _at((place, 0))
        side = "end" if place > 0.5 else "start"
        inner.append(_text(x + (-4 if side == "end" else 4), y - 6 - 14 * number, name, side))
    for number, curve in enumerate(shown.curves):
        inner += _curve(curve.points, number)
    return _drawing(shown.title, shown.description, _WIDTH, _HEIGHT + _LINE_OF_LEGEND * len(legend), [*inner, *legend])


def bars(shown: Bars) -> str:
    """Draw horizontal bars by group, each with its name at its left and its value at its right."""
    room = _WIDTH + 160 - _NAMES - _VALUES
    colours = {name: n for n, name in enumerate(dict.fromkeys(b.name for each in shown.groups.values() for b in each))}
    is_grouped = any(len(group) > 1 for group in shown.groups.values())
    inner, y = [], 4.0
    for title, group in shown.groups.items():
        if is_grouped:
            inner.append(_text(4, y + 11, shortened(title, 70), "start", 'font-weight="600"'))
            y += 18
        for bar in group:
            name = bar.name if is_grouped else title
            inner += _bar(bar, name, y, room / max(shown.highest, 1e-9), shown.shown, colours[bar.name])
            y += _BAR + 4
        y += _GAP if is_grouped else 2
    return _drawing(shown.title, shown.description, _WIDTH + 160, round(y + 4), inner)


def _drawing(title: str, description: str, width: int, height: int, inner: Sequence[str]) -> str:
    content = "".join(inner)
    # Several reports may stand in one notebook, so that a number alone would not do.
    name = f"chart-{zlib.crc32(f'{title}{description}{content}'.encode('utf-8', 'replace')):08x}"
    return (
        f'<svg role="img" aria-labelledby="{name}-title {name}-text" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-size="12" font-family="system-ui, sans-serif" fill="currentColor" '
        f'stroke="none"><title id="{name}-title">{escaped(title)}</title><desc id="{name}-text">'
        f"{escaped(description)}</desc>{content}</svg>"
    )


def _axes(shown: Chart) -> Iterator[str]:
    for tick in _TICKS:
        yield _line((0, tick), (1, tick), 'stroke-opacity="0.18"')
        yield _line((tick, 0), (tick, 1), 'stroke-opacity="0.18"')
        x, y = _at((tick, 0))
        yield _text(x, y + 16, f"{tick:.1f}", "middle")
        x, y = _at((0, tick))
        yield _text(x - 6, y + 4, f"{tick:.1f}", "end")
    x, y = _at((0.5, 0))
    yield _text(x, y + 34, shown.x, "middle")
    x, y = _at((0, 0.5))
    yield _text(12, y, shown.y, "middle", f'transform="rotate(-90 12 {y:.1f})"')


def _curve(points: Sequence[Point], number: int) -> Iterator[str]:
    colour = COLOURS[number % len(COLOURS)]
    places = [_at(point) for point in points]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashes = f' stroke-dasharray="{_DASHES[number % len(_DASHES)]}"' if number else ""
    yield f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'


def _legend(names: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        y = _HEIGHT + _LINE_OF_LEGEND * number + 6
        colour = COLOURS[number % len(COLOURS)]
        dashes = f' stroke-dasharray="{_DASHES[number % len(_DASHES)]}"' if number else ""
        yield f'<path d="M{_LEFT} {y}h28" stroke="{colour}" stroke-width="2"{dashes}/>'
        yield _text(_LEFT + 36, y + 4, shortened(name, 60), "start")


def _bar(bar: Bar, name: str, y: float, scale: float, shown: str, number: int) -> Iterator[str]:
    width = max(0.0, bar.value) * scale
    yield _text(_NAMES - 8, y + 12, shortened(name, _LONGEST_NAME), "end")
    yield f'<rect x="{_NAMES}" y="{y:.1f}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{COLOURS[number % 6]}"/>'
    end, noise = _NAMES + width, ""
    if bar.noise:
        reach, middle = bar.noise * scale, y + _BAR / 2
        yield (
            f'<path d="M{end - reach:.1f} {middle:.1f}h{2 * reach:.1f}" stroke="currentColor" stroke-width="1.5" '
            'stroke-opacity="0.8"/>'
        )
        end, noise = end + reach, f" ± {shown.format(bar.noise)}"
    mark = f" {bar.mark}" if bar.mark else ""
    yield _text(end + 6, y + 12, shown.format(bar.value) + noise + mark, "start")


def _line(start: Point, end: Point, style: str) -> str:
    (x, y), (to_x, to_y) = _at(start), _at(end)
    return f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" fill="none" stroke="currentColor" {style}/>'


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escaped(text)}</text>'


def _at(point: Point) -> Point:
    x, y = (min(1.0, max(0.0, part)) for part in point)
    return _LEFT + x * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - y * (_HEIGHT - _TOP - _BOTTOM)
