"""Read Jupyter notebooks: text, code, and outputs that are text (nbformat 3 and 4).

Read as the JSON that it is: nbformat's own reader brings a schema validator and refuses notebooks for faults that do
not matter here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Document, Location, UnreadableDocument
from openclaw_instructor.documents.encoding import decode
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers import markdown

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# The text that Python prints for an object or a picture without one of its own.
_OBJECT = re.compile(r"<[^<>]+>|\[?<[^<>]*>[,\s]*\]?")
_MAX_OUTPUT_LINES = 60
_MAX_LINE = 2_000


def read(data: bytes, path: PurePath) -> Document:
    """Read a notebook. Its title is that of its metadata, else its first heading of level 1."""
    text, notes = decode(data)
    try:
        notebook = json.loads(text)
    except RecursionError:
        raise UnreadableDocument("nested too deeply") from None
    except ValueError:
        raise UnreadableDocument("damaged: not JSON throughout" if text.strip() else "empty") from None
    cells = _cells(notebook)
    if cells is None:
        raise UnreadableDocument("not a notebook: it has no cells")
    builder = DocumentBuilder()
    for number, cell in enumerate(cells, start=1):
        if isinstance(cell, dict):
            _add(builder, cell, Location("cell", number, number))
        if builder.is_full:
            break
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    document = builder.document(_text(metadata.get("title")), {"author": _authors(metadata)}, notes)
    first = next((block.heading for block in document.blocks if block.level == 1), "")
    return replace(document, title=document.title or first)


def _cells(notebook: Any) -> list[Any] | None:
    if not isinstance(notebook, dict):
        return None
    cells = notebook.get("cells")
    sheets = notebook.get("worksheets")
    if not isinstance(cells, list) and isinstance(sheets, list):
        cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells") or ()]
    return cells if isinstance(cells, list) else None


def _add(builder: DocumentBuilder, cell: dict[str, Any], location: Location) -> None:
    kind = cell.get("cell_type")
    source = _text(cell.get("source", cell.get("input")))
    if kind == "heading":
        level = cell.get("level")
        builder.heading(source, level if isinstance(level, int) and 0 < level < 10 else 1, location)
    elif kind == "markdown":
        builder.append(markdown.read(source.encode("utf-8", "replace"), PurePath("cell.md")), location)
    else:
        builder.verbatim(source, location)
        outputs = cell.get("outputs")
        for output in outputs if kind == "code" and isinstance(outputs, list) else ():
            if isinstance(output, dict):
                builder.verbatim(_shortened("\n".join(_output(output))), location)


def _output(output: dict[str, Any]) -> Iterator[str]:
    """Return the text of an output. Of a traceback, which repeats the code, only the last line is kept."""
    if output.get("output_type") in ("error", "pyerr"):
        yield f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
        return
    data = output.get("data", output)
    if isinstance(data, dict):
        text = _text(output.get("text")) or next(filter(None, (_text(data.get(kind)) for kind in _KINDS)), "")
        if not _OBJECT.fullmatch(text.strip()):
            yield text


_KINDS = ("text/markdown", "text/plain", "text/latex", "text")


def _shortened(text: str) -> str:
    lines = [line for line in _ANSI.sub("", text).splitlines() if len(line) <= _MAX_LINE]
    if len(lines) <= _MAX_OUTPUT_LINES:
        return "\n".join(lines)
    return "\n".join([*lines[:_MAX_OUTPUT_LINES], f"... {len(lines) - _MAX_OUTPUT_LINES} more lines"])


def _authors(metadata: dict[str, Any]) -> str:
    authors = metadata.get("authors")
    names = [_text(one.get("name")) for one in authors if isinstance(one, dict)] if isinstance(authors, list) else []
    return ", ".join(filter(None, names))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


FORMATS = (Format("notebook", (".ipynb",), read, max_bytes=50_000_000, isolated=True),)
