"""Read AsciiDoc: section titles, delimited blocks, tables and admonitions."""

from __future__ import annotations

import re
from pathlib import PurePath

from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document
from openclaw_instructor.documents.encoding import lines_of
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers.text import paragraphs
from openclaw_instructor.documents.tables import column_names, find_header

_HEADING = re.compile(r"(={1,6}|#{1,6})\s++(.+)")
_DISCRETE = re.compile(r"\[(?:discrete|float)\b")
# Characters that underline a title, from the highest level down.
_UNDERLINES = "=-~^+"
_FENCE = re.compile(r"(-{4,}+|\.{4,}+|\+{4,}+|/{4,}|`{3,})[\w+,. -]*")
_TABLE = re.compile(r"([|,:!])={3,}\s*")
_ATTRIBUTE = re.compile(r":!?([\w-]+)!?:(?:\s+(.*))?\s*")
_COMMENT = re.compile(r"//(?!/)")
_BLOCK_ATTRIBUTES = re.compile(r"\[[^\]]*\]\s*|\[\[[^\]]*\]\]\s*")
_BOUNDARY = re.compile(r"(={4,}|\*{4,}|_{4,}|--|'{3,}|<{3,})\s*")
_COLUMNS = re.compile(r"\bcols\s*=\s*\"?([^\"\]]+)|\bcols=(\d+)")
_REPEATED = re.compile(r"\s*(\d+)\*")
_REFERENCE = re.compile(r"\{([\w-]+)\}")
_AUTHOR = re.compile(r"[^\W\d_][\w'. -]{1,80}(?:<[^<>\s]+>)?(?:;[\w'. <>@-]+)?")
_REVISION = re.compile(r"(?:v?[\d.]++\w*+,\s*+)?([^:,]*\d{4}[^:]*)(?::.*)?")
_INLINE = re.compile(
    r"(?:https?://|link:|mailto:|xref:)[^\s\[]{1,300}+\[([^\[\]]*)\]|<<[^<,>]*,([^<>]+)>>|<<([^<>]+)>>"
    r"|\[\[[^\[\]]*\]\]|\[#?[^\[\]]*\](?=#)"
    r"|(?<!\w)([*_`#]{1,2})(?=\S)([^*_`#\n]*?\S)\4(?!\w)"
)
# Longer lines are plain text: no markup is as long.
_MAX_LINE = 2_000
_MAX_HEADER_LINE = 200
_CELL = re.compile(r"(?:^|(?<=\s))(?:\d+(?:\.\d+)?[+*])?[.^<>]*[a-z]?(?<!\\)\|", re.MULTILINE)


def read(data: bytes, path: PurePath) -> Document:
    """Read an AsciiDoc text. Lines are its own; other files that it includes are read on their own."""
    lines, notes = lines_of(data)
    return _Reader(lines, notes).run()


class _Reader:
    def __init__(self, lines: list[str], notes: list[str]) -> None:
        self.lines = lines
        self.notes = notes
        self.blocks: list[Block] = []
        self.attributes: dict[str, str] = {}
        self.title = ""
        self.start = 1

    def run(self) -> Document:
        number = 1
        while number <= len(self.lines):
            number = self._step(number) + 1
        self._paragraphs(len(self.lines))
        if any(line.startswith("include::") for line in self.lines):
            self.notes.append("includes other files, which are read on their own")
        metadata = {
            "author": self.attributes.get("author", ""),
            "date": iso_date(self.attributes.get("revdate", "") or self.attributes.get("date", "")),
            "tags": [tag.strip() for tag in self.attributes.get("keywords", "").split(",") if tag.strip()],
            "language": self.attributes.get("lang", ""),
        }
        known = {name: value for name, value in metadata.items() if value}
        return Document(self.lines, self.blocks, self.title, known, self.notes)

    def _step(self, number: int) -> int:
        """Read the element that begins at a line, unless it is a paragraph; return its last line."""
        line = self.lines[number - 1]
        if len(line) > _MAX_LINE:
            return number
        if fence := _FENCE.fullmatch(line):
            last = self._closing(number, fence[1])
            is_comment = fence[1].startswith("/")
            return self._take(number, last, [] if is_comment else [Block(number, last)])
        if _TABLE.fullmatch(line):
            last = self._closing(number, line.rstrip())
            return self._take(number, last, self._table(number, last))
        if heading := _HEADING.fullmatch(line):
            return self._heading(number, number, len(heading[1]), _unclosed(heading[2].strip(), heading[1]))
        if level := self._underlined(number):
            return self._heading(number, number + 1, level, line.strip())
        if attribute := _ATTRIBUTE.fullmatch(line):
            self.attributes.setdefault(attribute[1].lower(), (attribute[2] or "").strip())
            return self._take(number, number, [])
        if _COMMENT.match(line) or _BLOCK_ATTRIBUTES.fullmatch(line) or _BOUNDARY.fullmatch(line):
            return self._take(number, number, [])
        return number

    def _take(self, first: int, last: int, blocks: list[Block]) -> int:
        self._paragraphs(first - 1)
        self.blocks += blocks
        self.start = last + 1
        return last

    def _paragraphs(self, last: int) -> None:
        self.blocks += paragraphs(self.lines, self.start, last)
        self.start = last + 1

    def _heading(self, first: int, last: int, level: int, text: str) -> int:
        heading = self._visible(text)
        if len(heading) > MAX_HEADING_CHARACTERS:
            return self._take(first, last, [Block(first, last)])
        self._take(first, last, [Block(first, last, level, heading)])
        if level == 1 and not self.title:
            self.title = heading
            return self._header(last)
        return last

    def _header(self, last: int) -> int:
        """Read the author and revision lines below the document's title as metadata."""
        below = [line[:_MAX_HEADER_LINE] for line in self.lines[last : last + 2]]
        if below and _AUTHOR.fullmatch(below[0].strip()) and ("<" in below[0] or len(below[0].split()) <= 4):
            names = [name.split("<")[0].strip() for name in below[0].split(";")]
            self.attributes.setdefault("author", ", ".join(names))
            last += 1
            if len(below) > 1 and (revision := _REVISION.fullmatch(below[1].strip())):
                self.attributes.setdefault("revdate", revision[1].strip())
                last += 1
        # They stay in the text as well, because people search for authors.
        return last

    def _underlined(self, number: int) -> int:
        """Return the level of a title that is underlined with a second line; 0 if there is none."""
        text = self.lines[number - 1]
        below = self.lines[number].rstrip() if number < len(self.lines) else ""
        if len(below) < 3 or below[0] not in _UNDERLINES or below.strip(below[0]) or not text[:1].strip():
            return 0
        above = self.lines[number - 2].strip() if number > 1 else ""
        if abs(len(below) - len(text.rstrip())) > 2 or (above and not _BLOCK_ATTRIBUTES.fullmatch(above)):
            return 0
        level = _UNDERLINES.index(below[0]) + 1
        # Further down, a line of equals signs ends a block.
        return 0 if level == 1 and (self.blocks or self.start > 1) else level

    def _closing(self, first: int, fence: str) -> int:
        fence = "```" if fence.startswith("`") else fence
        closing = (n for n in range(first + 1, len(self.lines) + 1) if self.lines[n - 1].rstrip() == fence)
        return next(closing, len(self.lines))

    def _table(self, first: int, last: int) -> list[Block]:
        """Read a table as a block for each row.

        Where the cells of a row are on lines of their own, a row has as many cells as there are columns.
        """
        attributes = self.lines[first - 2] if first > 1 else ""
        rows: list[tuple[int, int, list[str]]] = []
        inside = range(first + 1, last if self.lines[last - 1].strip() == self.lines[first - 1].strip() else last + 1)
        cells = [(n, self._cells(self.lines[n - 1])) for n in inside]
        width = self._width(attributes) or next((len(found) for _, found in cells if found), 1)
        for n, found in cells:
            if rows and (not found or len(rows[-1][2]) < width):
                if self.lines[n - 1].strip():
                    rows[-1] = (rows[-1][0], n, [*rows[-1][2], *found])
            elif found:
                rows.append((n, n, found))
        texts = [row for _, _, row in rows]
        stated = "header" in attributes or "%header" in attributes
        is_apart = len(rows) > 1 and rows[0][1] + 1 < rows[1][0]
        header = 0 if (stated or is_apart) and len(rows) > 1 else find_header(texts)
        names = column_names(texts[header]) if header is not None else ""
        return [
            Block(begin, end, context=names if header is not None and index > header else "")
            for index, (begin, end, _) in enumerate(rows)
        ]

    def _cells(self, line: str) -> list[str]:
        if len(line) > _MAX_LINE:
            return line.split("|")[1:]
        return [self._visible(cell) for cell in _CELL.split(line)[1:]]

    def _width(self, attributes: str) -> int:
        found = _COLUMNS.search(attributes)
        if not found:
            return 0
        columns = (found[1] or found[2]).split(",")
        repeated = _REPEATED.match(columns[0])
        if repeated or (len(columns) == 1 and columns[0].strip().isdecimal()):
            return min(int(repeated[1] if repeated else columns[0]), 100)
        return len(columns)

    def _visible(self, text: str) -> str:
        """Return the text as it is read, with references resolved and without markup."""
        text = _REFERENCE.sub(lambda found: self.attributes.get(found[1].lower(), found[0]), text)
        return _INLINE.sub(lambda found: found[1] or found[2] or found[3] or found[5] or "", text).strip()


def _unclosed(text: str, marks: str) -> str:
    """Return a heading's text without the marks that may be repeated at its end."""
    before = text.removesuffix(marks)
    return before.rstrip() if before[-1:].isspace() else text


FORMATS = (Format("AsciiDoc", (".adoc", ".asciidoc", ".asc"), read),)
