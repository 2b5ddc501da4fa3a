"""Results in a notebook: small tables and charts as HTML, without a script or a style; every cell is text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from openclaw_instructor.reports import svg
from openclaw_instructor.reports.markup import text
from openclaw_instructor.reports.page import Bars, Chart, Page, Table, shortened

_ROWS, _LONGEST = 20, 200
Row = TypeVar("Row")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], left_out: int = 0) -> str:
    """Return a heading and a table with these columns; long rows and long cells are cut."""
    given = list(rows)
    head = "".join(f"<th>{text(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in given[:_ROWS])
    left_out += max(0, len(given) - _ROWS)
    more = f"<p>… and {left_out:,} more</p>" if left_out else ""
    return f"<p><b>{text(title)}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def page(shown: Page) -> str:
    """Return a report: its facts, its charts, and its tables where no chart shows the same."""
    parts = [part for section in shown.sections for part in section.parts]
    drawn = "".join(svg.chart(part) if isinstance(part, Chart) else svg.bars(part) for part in parts
                    if isinstance(part, Chart | Bars))  # fmt: skip
    tables = "".join(table(p.title, p.columns, p.rows, p.left_out) for p in parts if isinstance(p, Table))
    notes = "".join(f"<p>{text(note)}</p>" for note in shown.notes)
    facts = " · ".join(f"{text(name)}: {_cell(value)}" for name, value in shown.facts.items())
    return f"<p><b>{text(shown.title)}</b></p><p>{text(shown.summary)}</p><p>{facts}</p>{drawn}{tables}{notes}"


class Rows(list[Row]):
    """A list of results that a notebook shows as a table, one row each."""

    def __init__(self, title: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        super().__init__(rows)
        self._title, self._columns = title, columns

    def _repr_html_(self) -> str:
        cells = ([getattr(row, column) for column in self._columns] for row in self)
        return table(self._title, self._columns, cells)


def result(title: str, fields: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> str:
    """Return the result of a tool: its lists of objects as tables, its other fields as one table before them.

    `columns` chooses those of a list by its name; of others, all that are no objects themselves.
    """
    lists = {name: value for name, value in fields.items() if _is_rows(value)}
    plain = [
        (name, _said(value)) for name, value in fields.items() if name not in lists and value not in (None, [], {})
    ]
    tables = "".join(_rows(name, value, columns.get(name)) for name, value in lists.items())
    return table(title, ("field", "value"), plain) + tables


def _rows(name: str, rows: Sequence[Mapping[str, Any]], wanted: Sequence[str] | None) -> str:
    known = list(dict.fromkeys(key for row in rows for key in row))
    chosen = [key for key in wanted if key in known] if wanted else known
    return table(name, chosen, ([_said(row.get(key)) for key in chosen] for row in rows))


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _said(value: Any) -> object:
    if isinstance(value, list | tuple):
        return "; ".join(str(_said(each)) for each in value)
    if isinstance(value, dict):
        named = next((value[key] for key in ("text", "label", "name") if key in value), None)
        return named if named is not None else ", ".join(f"{key}: {each}" for key, each in value.items())
    return value


def _cell(value: object) -> str:
    return text(shortened("" if value is None else str(value), _LONGEST))
