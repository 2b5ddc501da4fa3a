"""Convert the element tree of a page to blocks: headings, paragraphs, list items, table rows, code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Location
from openclaw_instructor.documents.markup.boilerplate import Boilerplate, Survey
from openclaw_instructor.documents.markup.tables import Table, is_gutter, is_layout, read_table
from openclaw_instructor.documents.tables import column_names, row_text

if TYPE_CHECKING:
    from lxml.etree import _Element

_BLOCKS = frozenset(
    """
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form header hgroup hr html legend li main menu nav ol p section summary
    table tbody td tfoot th thead tr ul
    """.split()  # noqa: SIM905
)
_HEADING = re.compile(r"h[1-6]")
_BREAK = "\0"
_INVISIBLE = str.maketrans("", "", "\u00ad\u200b\u2060\ufeff")
_PERMALINKS = frozenset(("¶", "#", "§", "🔗", "\uf0c1"))
# libxml2 counts no lines beyond this one.
_LAST_KNOWN_LINE = 65_534
_MAX_ALT = 300


def read_content(root: _Element, found: Survey, boilerplate: Boilerplate, *, in_main: bool) -> DocumentBuilder:
    """Read the blocks below an element, without boilerplate (see `boilerplate`)."""
    content = _Content(found, boilerplate, in_main=in_main)
    content.read(root)
    return content.builder


class _Content:
    def __init__(self, found: Survey, boilerplate: Boilerplate, *, in_main: bool) -> None:
        self.builder = DocumentBuilder()
        self._in_list = False
        self._found = found
        self._boilerplate = boilerplate
        self._mains = int(in_main)
        self._pieces: list[str] = []
        self._is_open = False
        self._level = 0
        self._lists: list[int] = []
        self._mark = ""
        self._tight = False
        self._line = self._first = self._last = 1

    def read(self, root: _Element) -> None:
        """Walk the tree without recursion: pages are nested deeper than Python calls."""
        from lxml import etree

        walk = etree.iterwalk(root, events=("start", "end"))
        whole: set[_Element] = set()
        for event, element in walk:
            if event == "start":
                self._at(element)
                if self._taken_whole(element):
                    whole.add(element)
                    walk.skip_subtree()
                else:
                    self._open(element)
                    self._say(element.text)
                continue
            if element in whole:
                whole.discard(element)
            else:
                self._close(element)
            if element is not root:
                self._say(element.tail)
        self._flush()

    def _at(self, element: _Element) -> None:
        if (element.sourceline or 0) <= _LAST_KNOWN_LINE:
            self._line = max(self._line, element.sourceline or 1)

    def _say(self, text: str | None) -> None:
        if not text:
            return
        if not text.isspace():
            if not self._is_open:
                self._first = self._line + text[: len(text) - len(text.lstrip())].count("\n")
                self._is_open = True
            self._last = self._line + text.rstrip().count("\n")
        self._pieces.append(text)
        self._line += text.count("\n")

    def _taken_whole(self, element: _Element) -> bool:
        """Whether an element needs no descent: it is left out, or read at once with its content."""
        if self._boilerplate.leaves_out(element, in_main=self._mains > 0):
            return True
        if element.tag == "pre":
            self._flush()
            self._code(element)
            return True
        if element.tag == "table" and not is_layout(element, self._found.layouts):
            table = read_table(element, self._inline)
            if table:
                self._flush()
                self._rows(table)
                return True
        return is_gutter(element)

    def _open(self, element: _Element) -> None:
        tag = str(element.tag)
        if tag == "br":
            self._pieces.append(_BREAK)
        elif tag == "img":
            self._alternative(element)
        elif level := _level(element):
            self._flush()
            self._level = level
        elif tag in _BLOCKS:
            self._flush()
            self._mains += tag in ("main", "article")
            self._open_list(element, tag)

    def _close(self, element: _Element) -> None:
        tag = str(element.tag)
        if _level(element):
            self._flush()
            self._level = 0
        elif tag in _BLOCKS:
            self._flush()
            self._mains -= tag in ("main", "article")
            if tag in ("ul", "ol", "menu", "dir") and self._lists:
                self._lists.pop()
            elif tag == "li":
                self._mark = ""

    def _open_list(self, element: _Element, tag: str) -> None:
        if tag in ("ul", "menu", "dir"):
            self._lists.append(-1)
        elif tag == "ol":
            start = element.get("start", "1")
            self._lists.append(int(start) - 1 if start.isascii() and start.isdigit() and len(start) < 7 else 0)
        elif tag == "li":
            counter = self._lists[-1] if self._lists else -1
            if counter >= 0:
                self._lists[-1] = counter + 1
            self._mark = "- " if counter < 0 else f"{counter + 1}. "
            self._tight = self._in_list
        elif tag in ("dd", "tr"):
            self._tight = tag == "dd"

    def _alternative(self, image: _Element) -> None:
        alternative = " ".join(image.get("alt", "").split())[:_MAX_ALT]
        if any(map(str.isalpha, alternative)):
            self._say(f" {alternative} ")

    def _flush(self) -> None:
        """End a block with the text since the last one, if there is any."""
        text = _collapsed(self._pieces) if self._is_open else ""
        self._pieces, self._is_open = [], False
        if not text or text in _PERMALINKS:
            return
        location = Location("lines", self._first, max(self._first, self._last))
        level = self._level if len(text) <= 2 * MAX_HEADING_CHARACTERS else 0
        # An unclosed heading ends with its line.
        self._level = 0
        if level:
            self.builder.heading(text, level, location)
        else:
            indent = "  " * min(8, len(self._lists) - 1) if self._mark else ""
            self.builder.paragraph(f"{indent}{self._mark}{text}", location, is_continued=self._tight)
        self._in_list = bool(self._mark)
        self._mark, self._tight = "", False

    def _code(self, element: _Element) -> None:
        pieces = [text for text in self._texts(element) if text]
        code = "".join(pieces).replace(_BREAK, "\n").replace("\r\n", "\n")
        first = self._line + code[: len(code) - len(code.lstrip())].count("\n")
        self.builder.verbatim(code, Location("lines", first, first + code.strip().count("\n")))
        self._in_list = False
        self._line += code.count("\n")

    def _rows(self, table: Table) -> None:
        context = ": ".join(part for part in (table.caption, column_names(table.columns)) if part)
        if table.caption:
            self.builder.paragraph(table.caption, Location("lines", self._line, self._line))
        is_continued = bool(table.caption)
        for number, row in enumerate([*table.header, *table.rows]):
            self._line = max(self._line, row.line if row.line <= _LAST_KNOWN_LINE else 0)
            location = Location("lines", self._line, self._line)
            row_context = context if number >= len(table.header) else ""
            self.builder.paragraph(row_text(row.cells), location, row_context, is_continued)
            is_continued = True
        self._in_list = False

    def _inline(self, element: _Element) -> str:
        return _collapsed(list(self._texts(element))).replace("\n", " ")

    def _texts(self, root: _Element) -> Iterator[str]:
        """Yield all texts below an element, with a space or break where a block or line ends."""
        from lxml import etree

        walk = etree.iterwalk(root, events=("start", "end"))
        skipped: set[_Element] = set()
        for event, element in walk:
            if event == "start":
                out = element is not root and (
                    is_gutter(element) or self._boilerplate.leaves_out(element, in_main=self._mains > 0)
                )
                if out:
                    skipped.add(element)
                    walk.skip_subtree()
                elif element.tag == "br":
                    yield _BREAK
                elif element.tag == "img":
                    yield " ".join(element.get("alt", "").split())[:_MAX_ALT]
                else:
                    yield (element.text or "")
                continue
            if element not in skipped and element.tag in _BLOCKS and element is not root and root.tag != "pre":
                yield " "
            if element is not root:
                yield (element.tail or "")


def _level(element: _Element) -> int:
    """Return the level of a heading; 0 for any other element."""
    tag = str(element.tag)
    if _HEADING.fullmatch(tag):
        return int(tag[1])
    if element.get("role") == "heading":
        level = element.get("aria-level", "2")
        return int(level) if level in ("1", "2", "3", "4", "5", "6") else 2
    return 0


def _collapsed(pieces: list[str]) -> str:
    """Collapse whitespace as a browser does; only breaks end lines."""
    lines = (" ".join(line.split()) for line in "".join(pieces).translate(_INVISIBLE).split(_BREAK))
    return "\n".join(line for line in lines if line)
