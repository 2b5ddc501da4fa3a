"""A report as a picture: its facts, charts and the beginnings of its tables, drawn by matplotlib."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from openclaw_instructor import distribution
from openclaw_instructor.errors import MissingExtra
from openclaw_instructor.reports.page import Bars, Chart, Matrix, Page, Part, Table, cut, shortened
from openclaw_instructor.reports.svg import COLOURS
from openclaw_instructor.text import clean, printable

WIDTH = 1320
_DPI = 120
_INCHES = WIDTH / _DPI
_LINE = 0.165
_CHARACTERS = 132
_LONGEST_CELL, _ROWS = 52, 20
_CHART_HEIGHT = 3.4
_STYLES = ("-", "--", ":", "-.")
_LACKS_LETTERS = "the picture's font lacks some letters of the texts and shows boxes; a report as .html shows them all"


@dataclass(frozen=True)
class _Row:
    """What stands side by side in the picture, and how high that is in inches."""

    height: float
    draw: Sequence[Callable[[Any], None]]


def check() -> None:
    """Raise MissingExtra where there is no matplotlib."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise MissingExtra(
            f"a report as a picture needs matplotlib; run: {distribution.pip_line('plot')}, or name a file .html"
        ) from None


def png(page: Page) -> tuple[bytes, list[str]]:
    """Draw a report, 1,320 pixels wide; also what is to be said of the picture. Raises MissingExtra."""
    check()
    import matplotlib
    from matplotlib.figure import Figure

    rows = [_head(page), *_rows(page)]
    # A dollar sign in a text would begin a formula.
    with (
        matplotlib.rc_context({"text.parse_math": False, "font.size": 9}),
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        figure = Figure(figsize=(_INCHES, sum(row.height for row in rows)), layout="constrained")
        grid = figure.add_gridspec(len(rows), 2, height_ratios=[row.height for row in rows])
        for number, row in enumerate(rows):
            for place, draw in enumerate(row.draw):
                draw(figure.add_subplot(grid[number, :] if len(row.draw) == 1 else grid[number, place]))
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=_DPI)
    others = [each for each in told if not str(each.message).startswith("Glyph")]
    for each in others:
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return content.getvalue(), [_LACKS_LETTERS] if len(others) < len(told) else []


def _head(page: Page) -> _Row:
    facts = [f"{name}: {value}" for name, value in page.facts.items()]
    lines = [line for each in (page.summary, *facts, *page.notes) for line in textwrap.wrap(_plain(each), _CHARACTERS)]
    return _Row(_LINE * (len(lines) + 3), [lambda axes: _write(axes, lines, _plain(page.title), size=13)])


def _rows(page: Page) -> Iterator[_Row]:
    for section in page.sections:
        for is_chart, parts in groupby(section.parts, lambda part: isinstance(part, Chart)):
            each = [_drawing(part) for part in parts]
            step = 2 if is_chart else 1
            for start in range(0, len(each), step):
                beside = each[start : start + step]
                yield _Row(max(height for height, _ in beside), [draw for _, draw in beside])


def _drawing(part: Part) -> tuple[float, Callable[[Any], None]]:
    if isinstance(part, Chart):
        return _CHART_HEIGHT, lambda axes: _chart(axes, part)
    if isinstance(part, Bars):
        return 0.26 * sum(len(group) for group in part.groups.values()) + 0.9, lambda axes: _bars(axes, part)
    if isinstance(part, Matrix):
        return 0.26 * len(part.names) + 1.7, lambda axes: _matrix(axes, part)
    lines = list(_lines(cut(part, _ROWS)))
    return _LINE * (len(lines) + 3), lambda axes: _write(axes, lines, _plain(part.title), size=10)


def _chart(axes: Any, chart: Chart) -> None:
    if chart.diagonal:
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--")
    for name, place in chart.marks.items():
        axes.axvline(place, color="0.6", linewidth=1, linestyle=":")
        axes.annotate(_plain(name), (place, 0.02), rotation=90, fontsize=7, color="0.35")
    for number, curve in enumerate(chart.curves):
        x, y = zip(*curve.points, strict=True) if curve.points else ((), ())
        style = _STYLES[number % len(_STYLES)]
        axes.plot(x, y, style, color=COLOURS[number % len(COLOURS)], marker="o", markersize=4,
                  label=shortened(_plain(curve.name), 60))  # fmt: skip
    axes.set(xlabel=_plain(chart.x), ylabel=_plain(chart.y), xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(_plain(chart.title), fontsize=10, loc="left", weight="bold")
    axes.grid(alpha=0.3)
    if len(chart.curves) > 1:
        axes.legend(fontsize=8)


def _bars(axes: Any, bars: Bars) -> None:
    names = list(dict.fromkeys(bar.name for group in bars.groups.values() for bar in group))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    several = any(len(group) > 1 for group in bars.groups.values())
    rows = [(title, bar) for title, group in bars.groups.items() for bar in group]
    for place, (_, bar) in enumerate(rows):
        axes.barh(place, bar.value, xerr=bar.noise or None, color=colours[bar.name], height=0.7)
        axes.annotate(
            f" {bars.shown.format(bar.value)} {bar.mark}", (bar.value + bar.noise, place), va="center", fontsize=8
        )
    shown = [_plain(f"{title}: {bar.name}" if several else title) for title, bar in rows]
    axes.set_yticks(range(len(rows)), [shortened(each, 60) for each in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, bars.highest * 1.12)
    axes.set_title(_plain(bars.title), fontsize=10, loc="left", weight="bold")


def _matrix(axes: Any, matrix: Matrix) -> None:
    shares = [[count / max(1, sum(counts)) for count in counts] for counts in matrix.counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.4, aspect="auto")
    for row, counts in enumerate(matrix.counts):
        for column, count in enumerate(counts):
            if count:
                axes.annotate(str(count), (column, row), ha="center", va="center", fontsize=8)
    names = [shortened(_plain(name), 24) for name in matrix.names]
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_title(_plain(matrix.title), fontsize=10, loc="left", weight="bold")


def _lines(table: Table) -> Iterator[str]:
    cells = [[shortened(_plain("" if cell is None else str(cell)), _LONGEST_CELL) for cell in row]
             for row in (table.columns, *table.rows)]  # fmt: skip
    widths = [max(len(row[column]) for row in cells) for column in range(len(table.columns))]
    numbers = [column in table.counts for column in table.columns]
    for row in cells:
        padded = (cell.rjust(width) if number else cell.ljust(width)
                  for cell, width, number in zip(row, widths, numbers, strict=True))  # fmt: skip
        yield shortened("  ".join(padded).rstrip(), _CHARACTERS)
    if table.left_out:
        yield f"… and {table.left_out:,} more"


def _write(axes: Any, lines: Sequence[str], title: str, *, size: int) -> None:
    axes.axis("off")
    axes.set_title(shortened(title, 110), fontsize=size, loc="left", weight="bold")
    axes.text(0, 1, "\n".join(lines), va="top", family="monospace", fontsize=8, transform=axes.transAxes)


def _plain(text: str) -> str:
    return " ".join(printable(clean(text)).split())
