"""Lay out a table within a width, without a break inside a word or the name of a file."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

_GAP = 2
# A line may end behind a word and behind a folder of a path.
_PIECE = re.compile(r"\S[^\s/\\]*[/\\]*|\s+")
_SHORT = 60
# Below a terminal of this many columns nothing helps.
_LEAST_WIDTH = 20


def lines(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, on_terminal: bool) -> list[str]:
    """Return the lines of a table.

    Where the longest words need more than `width`, a terminal gets each row as a list of its cells, and a program a
    wider table, as it reads lines. For a program no path and nothing short is broken.
    """
    cells = [columns, *rows]
    least = _longest if on_terminal else _longest_for_program
    needed = [max(least(row[number]) for row in cells) for number in range(len(columns))]
    room = max(width, _LEAST_WIDTH) - _GAP * (len(columns) - 1)
    if on_terminal and sum(needed) > room:
        return [line for row in rows for line in _listed(columns, row)]
    room = max(room, sum(needed))
    wished = [max(_size(row[number]) for row in cells) for number in range(len(columns))]
    return _drawn(columns, rows, _shared(needed, wished, room), styled=on_terminal)


def _shared(needed: Sequence[int], wished: Sequence[int], room: int) -> list[int]:
    """Give each column what it needs, and share the rest: first to those that wish for least."""
    widths = list(needed)
    rest = room - sum(widths)
    waiting = sorted(range(len(widths)), key=lambda number: wished[number] - needed[number])
    for place, number in enumerate(waiting):
        more = min(wished[number] - needed[number], rest // (len(waiting) - place))
        widths[number] += more
        rest -= more
    return widths


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], *, styled: bool) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column, size in zip(columns, widths, strict=True):
        table.add_column(column, width=size, overflow="fold")
    for row in rows:
        table.add_row(*(Text("\n".join(_wrapped(cell, size))) for cell, size in zip(row, widths, strict=True)))
    room = sum(widths) + _GAP * len(widths)
    console = Console(file=io.StringIO(), highlight=False, width=room, force_terminal=styled)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().rstrip().splitlines()]


def _listed(columns: Sequence[str], row: Sequence[str]) -> Iterator[str]:
    if len(row) == 2:
        yield "  ".join(filter(None, row))
        return
    yield row[0]
    yield from (f"  {column}: {cell}".rstrip() for column, cell in zip(columns[1:], row[1:], strict=True) if cell)


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a cell."""
    for paragraph in text.split("\n"):
        line = ""
        for piece in _PIECE.findall(paragraph):
            if _size(line) + _size(piece.rstrip()) > width and line.strip():
                yield line.rstrip()
                line = ""
            line += piece if line or piece.strip() else ""
        yield line.rstrip()


def _longest(text: str) -> int:
    return max((_size(piece.rstrip()) for piece in _PIECE.findall(text)), default=0)


def _longest_for_program(text: str) -> int:
    return _size(text) if _size(text) <= _SHORT else max(map(_size, text.split()), default=0)


def _size(text: str) -> int:
    from rich.cells import cell_len

    return max((cell_len(line) for line in text.split("\n")), default=0)
