"""Read the text in drawings of Office files: paragraphs, tables, charts and diagrams (ECMA-376 part 1, 20 and 21)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from openclaw_instructor.documents.archive import attribute, child, local

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_LEVEL = 8
_MAX_POINTS = 1_000
_FIELDS_LEFT_OUT = ("slidenum", "datetime")


def descendants(element: Element, *names: str) -> Iterator[Element]:
    """Yield all descendants with these names, in document order.

    Where a file holds alternatives for newer and older programs, those for newer ones are used.
    """
    stack = [iter(element)]
    while stack:
        inner = next(stack[-1], None)
        if inner is None:
            stack.pop()
            continue
        if local(inner) in names:
            yield inner
        stack.append(iter(list(inner)[:1] if local(inner) == "AlternateContent" else inner))


def body_text(body: Element) -> str:
    """Return the paragraphs of a text body as lines, indented by level."""
    lines = []
    for paragraph in body:
        if local(paragraph) == "p" and (text := paragraph_text(paragraph).strip()):
            properties = child(paragraph, "pPr")
            level = attribute(properties, "lvl") if properties is not None else ""
            indent = "  " * min(int(level), _MAX_LEVEL) if level.isdecimal() else ""
            lines += [indent + line for line in text.splitlines()]
    return "\n".join(lines)


def paragraph_text(paragraph: Element) -> str:
    """Return the text of a paragraph, without fields such as slide numbers and dates."""
    pieces = []
    for part in paragraph:
        name = local(part)
        if name == "br":
            pieces.append("\n")
        elif name in ("r", "fld") and not attribute(part, "type").startswith(_FIELDS_LEFT_OUT):
            text = child(part, "t")
            pieces.append((text.text or "") if text is not None else "")
        elif name in ("m", "AlternateContent"):
            pieces += [found.text or "" for found in descendants(part, "t")]
    return "".join(pieces)


def table_rows(table: Element) -> list[list[str]]:
    """Return the text of each table cell; a vertically merged cell repeats its text in each row."""
    rows: list[list[str]] = []
    for row in table:
        if local(row) != "tr":
            continue
        texts: list[str] = []
        for cell in row:
            if local(cell) != "tc":
                continue
            body = child(cell, "txBody")
            text = " ".join(body_text(body).split()) if body is not None else ""
            if attribute(cell, "vMerge") in ("1", "true") and rows and len(texts) < len(rows[-1]):
                text = text or rows[-1][len(texts)]
            texts.append(text)
        rows.append(texts)
    return rows


def chart_title(chart: Element) -> str:
    """Return the title of a chart; "" if it has none."""
    title = child(chart, "chart", "title")
    paragraphs = descendants(title, "p") if title is not None else ()
    return " ".join(" ".join(map(paragraph_text, paragraphs)).split())


def chart_rows(chart: Element) -> list[list[str]]:
    """Return the data of a chart as a table: a row of series names, then one row for each category."""
    names: list[str] = []
    columns: list[dict[int, str]] = []
    categories: dict[int, str] = {}
    for series in descendants(chart, "ser"):
        names.append(next(iter(_points(series, "tx").values()), ""))
        columns.append(_points(series, "val", "yVal"))
        categories = dict.fromkeys(columns[-1], "") | categories | _points(series, "cat", "xVal")
    rows = [[categories[index], *(column.get(index, "") for column in columns)] for index in sorted(categories)]
    return [["", *names], *rows] if rows else []


def _points(series: Element, *names: str) -> dict[int, str]:
    """Return the cell values that a chart caches, by index."""
    found: dict[int, str] = {}
    for part in series:
        if local(part) not in names:
            continue
        for point in descendants(part, "pt"):
            value, index = child(point, "v"), attribute(point, "idx")
            if value is not None and index.isdecimal() and len(found) < _MAX_POINTS:
                found[int(index)] = (value.text or "").strip()
        if not found and (value := child(part, "v")) is not None:
            found[0] = (value.text or "").strip()
    return found
