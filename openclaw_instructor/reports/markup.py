"""Tables as HTML. Every cell is text: whatever stands in it, no markup comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from openclaw_instructor.reports.page import Cell, Matrix, Table
from openclaw_instructor.text import clean, printable

_SHADES = 4
# A cell of at most so many characters is not broken, and one of more is not squeezed.
_SHORT, _LONG = 20, 60


def text(value: object) -> str:
    """Write a value as text within HTML, without what would reorder a line; nothing for None."""
    return escape(printable(clean("" if value is None else str(value))))


def table(shown: Table) -> str:
    """Write a table with its title as caption; the first cell of a row is its heading."""
    numbers = [column in shown.counts for column in shown.columns]
    head = "".join(
        _cell("th", column, number, ' scope="col"') for column, number in zip(shown.columns, numbers, strict=True)
    )
    rows = "".join(f"<tr>{_row(row, numbers)}</tr>" for row in shown.rows)
    more = f'<p class="soft">… and {shown.left_out:,} more</p>' if shown.left_out else ""
    return _scrolled(shown.title, f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>") + more


def matrix(shown: Matrix) -> str:
    """Write counts as a table whose cells are the darker the more of their row is in them."""
    head = "".join(_cell("th", name, True, ' scope="col"') for name in shown.names)
    rows = []
    for name, counts in zip(shown.names, shown.counts, strict=True):
        total = max(1, sum(counts))
        cells = "".join(f'<td class="number{_shade(count / total)}">{count or "·"}</td>' for count in counts)
        rows.append(f'<tr><th scope="row">{text(name)}</th>{cells}</tr>')
    body = f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return _scrolled(shown.title, body, ' class="matrix"') + f'<p class="soft">{text(shown.description)}</p>'


def _row(row: Sequence[Cell], numbers: Sequence[bool]) -> str:
    first = _cell("th", row[0], numbers[0], ' scope="row"')
    return first + "".join(_cell("td", cell, number) for cell, number in zip(row[1:], numbers[1:], strict=True))


def _cell(tag: str, value: Cell, is_number: bool, more: str = "") -> str:
    size = len(str(value))
    kind = "number" if is_number else "short" if size <= _SHORT else "long" if size > _LONG else ""
    named = f' class="{kind}"' if kind else ""
    return f"<{tag}{more}{named}>{text(value)}</{tag}>"


def _shade(part: float) -> str:
    return f" shade-{min(_SHADES, 1 + int(part * _SHADES))}" if part else ""


def _scrolled(title: str, content: str, kind: str = "") -> str:
    # A table may be wider than a phone, and what scrolls has to be reached by the keyboard.
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(title)}"><table{kind}>'
        f"<caption>{text(title)}</caption>{content}</table></div>"
    )
