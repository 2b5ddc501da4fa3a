"""Read Word documents: headings, paragraphs, numbered lists, tables, text boxes, footnotes and comments.

What a reader of the printed page with its comments sees is read; what was deleted with changes tracked, hidden text,
tables of contents, and the headers and footers that repeat on each page are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.archive import attribute, child, local
from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Document
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.ooxml import Package
from openclaw_instructor.documents.tables import add_table, find_header
from openclaw_instructor.documents.wordprocessing import Numbering, Styles

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

# More deeply nested tables and boxes are read as plain text.
_MAX_DEPTH = 15
_MAX_COLUMNS = 100
_LAYOUT_CELL_CHARACTERS = 800
_HEADING_CHARACTERS = 80
_LEFT_OUT = frozenset({"del", "moveFrom", "delText", "instrText", "delInstrText", "rPr", "pPr", "rt", "sdtPr"})
_SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_REMARKS = {"footnoteReference": "footnote", "endnoteReference": "endnote", "commentReference": "comment"}
# Formulas on one line: fractions, exponents and indices.
_MATHEMATICS = {"den": "/", "sup": "^", "sub": "_"}
_WRAPPERS = frozenset({"sdt", "sdtContent", "customXml", "ins", "moveTo"})


def read(data: bytes, path: PurePath) -> Document:
    """Read a Word document.

    Its title is a paragraph in the style "Title", else that of its properties, else its first heading of level 1.
    """
    package = Package(data)
    return _Reader(package, package.main_part("word")).run()


@dataclass
class _Found:
    """What belongs to a paragraph: notes and comments by kind and id, text boxes, the number of bold characters."""

    remarks: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    bold: int = 0


class _Reader:
    def __init__(self, package: Package, main: str) -> None:
        self.package = package
        self.main = main
        self.builder = DocumentBuilder()
        self.styles = Styles(self._part("styles"))
        self.numbering = Numbering(self._part("numbering"))
        self.remarks = {
            kind: {attribute(remark, "id"): remark for remark in self._part(f"{kind}s")} for kind in _REMARKS.values()
        }
        self.title = ""
        self.notes: dict[str, None] = {}
        # Paragraphs that look like headings, used if the document has no styled ones.
        self.bold_lines: set[int] = set()

    def run(self) -> Document:
        for element in self.package.archive.elements(self.main, inside=("body",)):
            if self.builder.is_full:
                break
            self._block(element, 0)
        document = self.builder.document("", self.package.metadata(), self.notes)
        blocks = document.blocks
        if not any(block.level for block in blocks):
            lines = document.lines
            blocks = [
                replace(block, level=1, heading=lines[block.first - 1])
                if block.first == block.last and block.last in self.bold_lines
                else block
                for block in blocks
            ]
        first = next((block.heading for block in blocks if block.level == 1), "")
        return replace(document, blocks=blocks, title=self.title or self.package.title() or first)

    def _part(self, kind: str) -> list[Element]:
        return [element for root in self.package.related_xml(self.main, kind) for element in root]

    def _block(self, element: Element, depth: int) -> None:
        name = local(element)
        if depth > _MAX_DEPTH:
            self.builder.paragraph(_flat(element))
        elif name == "p":
            self._paragraph(element, depth)
        elif name == "tbl":
            self._table(element, depth)
        elif name == "altChunk":
            self.notes["holds another file within it, which is not read"] = None
        elif name in _WRAPPERS and not _is_left_out(element):
            for inner in element:
                self._block(inner, depth + 1)

    def _paragraph(self, element: Element, depth: int) -> None:
        style = self.styles.of(element)
        if style.is_contents:
            return
        found = _Found()
        text = "".join(_texts(element, found)).strip()
        number = self.numbering.next(style)
        line = f"{number} {text}" if number else text
        if text and (style.level or style.is_title):
            self.builder.heading(line, style.level or 1)
        elif text:
            self.builder.paragraph(line, is_continued=style.numbering is not None)
            if found.bold >= len(text) and len(line) <= _HEADING_CHARACTERS and line[-1] not in ".,;":
                self.bold_lines.add(self.builder.last_line)
        if style.is_title:
            self.title = self.title or line
        self._hanging(found, depth)

    def _hanging(self, found: _Found, depth: int) -> None:
        """Add the notes, comments and boxes of a paragraph or table after it."""
        for kind, identifier in found.remarks:
            # Several references share one note.
            remark = self.remarks[kind].pop(identifier, None)
            if remark is not None and (text := _flat(remark)):
                author = attribute(remark, "author")
                named = f"Comment by {author}: " if kind == "comment" and author else ""
                self.builder.paragraph(f"[{named}{text}]", is_continued=True)
        for box in found.boxes:
            for inner in box:
                self._block(inner, depth + 1)

    def _table(self, table: Element, depth: int) -> None:
        rows = [(row, list(_inside(row, "tc"))) for row in _inside(table, "tr") if not _is_deleted(row)]
        if max((len(cells) for _, cells in rows), default=0) <= 1 or self._is_layout(rows):
            for _, cells in rows:
                for cell in cells:
                    for inner in cell:
                        self._block(inner, depth + 1)
            return
        found = _Found()
        grid: list[list[str]] = []
        for row, cells in rows:
            grid.append(self._grid_row(row, cells, grid[-1] if grid else [], found))
        marked = [index for index, (row, _) in enumerate(rows) if _is_on(child(row, "trPr", "tblHeader"))]
        header = marked[-1] if marked and marked[-1] < len(rows) - 1 else find_header(grid)
        add_table(self.builder, grid, header=header)
        self._hanging(found, depth)

    def _is_layout(self, rows: list[tuple[Element, list[Element]]]) -> bool:
        """Whether a table only puts text side by side: its cells hold headings, tables or long text."""
        return any(
            local(inner) == "tbl" or (local(inner) == "p" and self.styles.of(inner).level > 0)
            for _, cells in rows
            for cell in cells
            for inner in cell
        ) or any(len(_flat(cell)) > _LAYOUT_CELL_CHARACTERS for _, cells in rows for cell in cells)

    def _grid_row(self, row: Element, cells: list[Element], above: list[str], found: _Found) -> list[str]:
        """List the texts of a row, one for each grid column; a vertically merged cell repeats its text."""
        texts = [""] * min(_number(child(row, "trPr", "gridBefore")), _MAX_COLUMNS)
        for cell in cells:
            merged = child(cell, "tcPr", "vMerge")
            text = " ".join(filter(None, (self._cell_line(p, found) for p in _paragraphs(cell))))
            if merged is not None and attribute(merged, "val") != "restart" and len(texts) < len(above):
                text = text or above[len(texts)]
            width = max(1, _number(child(cell, "tcPr", "gridSpan")))
            texts += [text, *[""] * (width - 1)][: _MAX_COLUMNS - len(texts)]
        return texts

    def _cell_line(self, paragraph: Element, found: _Found) -> str:
        text = "".join(_texts(paragraph, found)).strip()
        number = self.numbering.next(self.styles.of(paragraph))
        return f"{number} {text}".strip() if number != "-" or text else ""


def _inside(element: Element, name: str) -> Iterator[Element]:
    """Yield the rows of a table or the cells of a row, also those in content controls."""
    for inner in element:
        if local(inner) == name:
            yield inner
        elif local(inner) in ("sdt", "customXml") and (content := child(inner, "sdtContent")) is not None:
            yield from (one for one in content if local(one) == name)


def _paragraphs(element: Element) -> Iterator[Element]:
    """Yield all paragraphs below an element, at any depth."""
    stack = [iter([element])]
    while stack:
        inner = next(stack[-1], None)
        if inner is None:
            stack.pop()
        elif local(inner) == "AlternateContent":
            stack.append(iter(list(inner)[:1]))
        elif local(inner) not in _LEFT_OUT:
            if local(inner) == "p":
                yield inner
            stack.append(iter(inner))


def _flat(element: Element) -> str:
    """Return all text below an element on one line."""
    found = _Found()
    return " ".join(" ".join("".join(_texts(paragraph, found)) for paragraph in _paragraphs(element)).split())


def _texts(element: Element, found: _Found) -> Iterator[str]:
    """Yield the pieces of text of a paragraph; notes and drawings attached to it are collected in `found`."""
    # Not recursive, because fields and formulas nest to any depth.
    stack = [(iter(element), False)]
    while stack:
        inner = next(stack[-1][0], None)
        if inner is None:
            stack.pop()
            continue
        name, is_bold = local(inner), stack[-1][1]
        if name == "t":
            text = inner.text or ""
            found.bold += len(text) if is_bold or text.isspace() else 0
            yield text
        elif name in _SIGNS:
            found.bold += 1
            yield "" if attribute(inner, "type") in ("page", "column") else _SIGNS[name]
        elif name in _REMARKS:
            found.remarks.append((_REMARKS[name], attribute(inner, "id")))
        elif name == "txbxContent":
            found.boxes.append(inner)
        elif name == "docPr":
            yield from _described(inner)
        elif name == "AlternateContent":
            # Alternatives hold the same content for newer and for older programs.
            stack.append((iter(list(inner)[:1]), is_bold))
        elif name == "r":
            if not _is_on(child(inner, "rPr", "vanish")):
                stack.append((iter(inner), _is_on(child(inner, "rPr", "b"))))
        elif name not in _LEFT_OUT and not _is_left_out(inner):
            yield _MATHEMATICS.get(name, "")
            stack.append((iter(inner), is_bold))


def _described(picture: Element) -> Iterator[str]:
    """Return the description of a picture if its author, and not a program, wrote it."""
    text = attribute(picture, "descr").strip()
    if text and "generated" not in text[-40:]:
        yield f" [{text}] "


def _is_on(switch: Element | None) -> bool:
    return switch is not None and attribute(switch, "val") not in ("0", "false", "off")


def _is_left_out(element: Element) -> bool:
    """Whether a content control holds a table of contents, or only says what to write there."""
    properties = child(element, "sdtPr")
    gallery = child(properties, "docPartObj", "docPartGallery")
    is_contents = gallery is not None and attribute(gallery, "val") == "Table of Contents"
    return is_contents or _is_on(child(properties, "showingPlcHdr"))


def _is_deleted(row: Element) -> bool:
    return child(row, "trPr", "del") is not None


def _number(element: Element | None) -> int:
    value = attribute(element, "val") if element is not None else ""
    return int(value) if value.isdecimal() and len(value) < 6 else 0


FORMATS = (Format("Word", (".docx", ".docm", ".dotx", ".dotm"), read, max_bytes=100_000_000, isolated=True),)
