"""Read Markdown as people write it: front matter, headings, code, tables, HTML, wiki links and callouts.

What decides where a passage may begin and end is read line by line (CommonMark 0.31, sections 4.2 to 4.6, and the
tables of GFM 4.10); a fence on the line of a list item runs to its closing fence, however that one is indented. The
text stays the file's own lines.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath

from openclaw_instructor.documents import front_matter
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document
from openclaw_instructor.documents.encoding import lines_of
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.payloads import without_payloads
from openclaw_instructor.documents.readers.text import paragraphs
from openclaw_instructor.documents.tables import column_names

_ATX = re.compile(r" {0,3}(#{1,6})(?![^ \t])")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*")
# Also after list markers. Spaces belong to the marker before them, so that no line can match in many ways.
_FENCE = re.compile(r"[ \t]*(?:(?:[-*+>]|\d{1,9}[.)])[ \t]+)*(`{3,}+|~{3,}+)(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_NOT_PARAGRAPH = re.compile(r"\s*([-*+>|#]|\d+[.)])(\s|$)")
_CALLOUT = re.compile(r"\s{0,3}>\s?\[!([\w-]{1,40})\][+-]?\s*(.{0,300})")

# HTML blocks with an end condition of their own (CommonMark 4.6, kinds 1 to 5), and Obsidian's comments.
_RAW_HTML = (
    (re.compile(r" {0,3}<!--"), "-->"),
    (re.compile(r" {0,3}<pre(?=[\s>]|$)", re.IGNORECASE), "</pre>"),
    (re.compile(r" {0,3}<script(?=[\s>]|$)", re.IGNORECASE), "</script>"),
    (re.compile(r" {0,3}<style(?=[\s>]|$)", re.IGNORECASE), "</style>"),
    (re.compile(r" {0,3}<textarea(?=[\s>]|$)", re.IGNORECASE), "</textarea>"),
    (re.compile(r" {0,3}<\?"), "?>"),
    (re.compile(r" {0,3}<!\[CDATA\["), "]]>"),
    (re.compile(r"%%"), "%%"),
)
_HTML_BLOCK = re.compile(
    r" {0,3}</?(?:address|article|aside|blockquote|body|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure"
    r"|footer|form|h[1-6]|head|header|hr|html|iframe|li|link|main|menu|nav|ol|p|section|summary|table|tbody|td|tfoot|th"
    r"|thead|title|tr|ul)(?=[\s/>]|$)",
    re.IGNORECASE,
)
_HTML_HEADING = re.compile(r"<h([1-6])(?=[\s>])[^<>]*>", re.IGNORECASE)
_HTML_HEADING_END = re.compile(r"</h[1-6]\s*>", re.IGNORECASE)
_MAX_HEADING_LINES = 20
# Front matter of so many lines belongs to the first passage; a longer one would be most of it.
_FRONT_MATTER_LINES = 8

# Longer headings are cut before they are parsed.
_MAX_MARKUP = 2_000
_IMAGE = re.compile(r"!\[([^\[\]]*)\](?:\([^()]*(?:\([^()]*\)[^()]*)?\)|\[[^\[\]]*\])?")
_MARKUP = re.compile(
    r"`+(?P<code>[^`]*)`+|!?\[\[(?P<target>[^\[\]|]*)(?:\|(?P<alias>[^\[\]]*))?\]\]"
    r"|\[\^[^\[\]]*\]|\[(?P<link>[^\[\]]*)\](?:\([^()]*(?:\([^()]*\)[^()]*)?\)|\[[^\[\]]*\])|\*+|~~|=="
    r"|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)|\\(?P<escaped>[\\`*_{}\[\]()#+.!|<>~-])|<!--[^<>]*-->"
    r"|</?(?:a|abbr|b|big|br|center|code|del|em|font|i|img|ins|kbd|mark|picture|s|small|source|span|strong|sub|sup|u)\b[^<>]*>"
    r"| ?\{:? ?[#.][^{}]*\}| \^[\w-]+$",
    re.IGNORECASE,
)
_ANY_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")


def read(data: bytes, path: PurePath) -> Document:
    """Read a text. Its title is the front matter's, else its first heading of level 1."""
    lines, notes = lines_of(data)
    lines = without_payloads(lines)
    start, fields = front_matter.split(lines)
    blocks = [Block(1, start)] if start else []
    text_from = start + 1
    for block in _Scanner(lines, start + 1).blocks():
        blocks += _texts(lines, text_from, block.first - 1)
        blocks.append(block)
        text_from = block.last + 1
    blocks += _texts(lines, text_from, len(lines))
    if 0 < start <= _FRONT_MATTER_LINES and len(blocks) > 1 and blocks[1].level:
        # A few fields alone would be a passage that is near to many questions and answers none.
        blocks[:2] = [replace(blocks[1], first=1)]
    stated = fields.pop("title", "")
    title = stated if isinstance(stated, str) else " ".join(stated)
    title = title or next((block.heading for block in blocks if block.level == 1), "")
    return Document(lines, blocks, title[:MAX_HEADING_CHARACTERS].strip(), fields, notes)


def _texts(lines: list[str], first: int, last: int) -> Iterator[Block]:
    """Yield paragraphs, and callouts under their title."""
    for block in paragraphs(lines, first, last):
        callout = _CALLOUT.match(lines[block.first - 1])
        named = f"{callout[1].lower()}: {visible(callout[2])}".removesuffix(": ") if callout else ""
        # The first lines contain the title; only what is cut off below needs it as context.
        yield replace(block, context=named) if callout and block.last > block.first else block


class _Scanner:
    """Finds everything but paragraphs, line by line."""

    def __init__(self, lines: list[str], first: int) -> None:
        self._lines = lines
        self._number = first
        self._is_in_list = False
        self._after_blank = True
        self._unclosed: set[str] = set()

    def blocks(self) -> Iterator[Block]:
        """Yield headings, code, table rows and HTML blocks, in order."""
        while self._number <= len(self._lines):
            line = self._lines[self._number - 1]
            found = list(self._found(line)) if line.strip() else []
            yield from found
            self._follow(line, bool(found))
            self._number = found[-1].last + 1 if found else self._number + 1

    def _follow(self, line: str, found: bool) -> None:
        """Track whether an indented line belongs to a list item."""
        if _ITEM.match(line) and not (found and self._after_blank and not self._is_in_list and _indent(line) >= 4):
            self._is_in_list = True
        elif line.strip() and not _indent(line) and (self._after_blank or found):
            self._is_in_list = False
        self._after_blank = found or not line.strip()

    def _found(self, line: str) -> Iterator[Block]:
        number = self._number
        if _indent(line) >= 4 and not self._is_in_list and self._after_blank and not _ITEM.match(line):
            yield Block(number, self._end_of_indented())
        elif fence := self._fence(line):
            yield fence
        elif heading := self._heading(line):
            yield heading
        elif line.lstrip(" ")[:1] in ("<", "%"):
            yield from self._html(line)
        elif "|" in line:
            yield from self._table(line)

    def _end_of_indented(self) -> int:
        last = self._number
        for number in range(self._number + 1, len(self._lines) + 1):
            line = self._lines[number - 1]
            if line.strip() and _indent(line) < 4:
                break
            last = number if line.strip() else last
        return last

    def _fence(self, line: str) -> Block | None:
        """Read the fenced code block that opens at this line; an unclosed one extends to the end."""
        opening = _FENCE.fullmatch(line)
        if not opening or (opening[1][0] == "`" and "`" in opening[2]):
            return None
        closing = re.compile(rf"[ \t>]*{re.escape(opening[1][0])}{{{len(opening[1])},}}[ \t]*")
        rest = range(self._number + 1, len(self._lines) + 1)
        last = next((number for number in rest if closing.fullmatch(self._lines[number - 1])), len(self._lines))
        return Block(self._number, last)

    def _heading(self, line: str) -> Block | None:
        number = self._number
        if atx := _ATX.match(line):
            text = _without_closing(line[atx.end() :])
            heading = visible(text) if len(text) <= _MAX_MARKUP else text
            # A heading is repeated in every passage below it, so a longer one is a paragraph.
            return Block(number, number, len(atx[1]), heading) if len(heading) <= MAX_HEADING_CHARACTERS else None
        underline = _SETEXT.fullmatch(self._lines[number]) if number < len(self._lines) else None
        if not underline or not line.strip() or _indent(line) >= 4 or _NOT_PARAGRAPH.match(line):
            return None
        if _SETEXT.fullmatch(line):
            return None
        if len(line) > MAX_HEADING_CHARACTERS or _raw_end(line) or _HTML_BLOCK.match(line):
            return None
        # Only the last line before the underline counts as the heading; a paragraph above it stays a paragraph.
        return Block(number, number + 1, 1 if underline[1][0] == "=" else 2, visible(line))

    def _html(self, line: str) -> Iterator[Block]:
        end = _raw_end(line)
        if end and end not in self._unclosed:
            after = 2 if end == "%%" else 1
            if end in line.lower()[after + 1 :]:
                yield Block(self._number, self._number)
                return
            rest = range(self._number + 1, len(self._lines) + 1)
            last = next((number for number in rest if end in self._lines[number - 1].lower()), 0)
            if last:
                yield Block(self._number, last)
            else:
                # An unclosed comment hides nothing; remember that there is no end, to stay linear.
                self._unclosed.add(end)
        elif not end and _HTML_BLOCK.match(line):
            last = self._number
            while last < len(self._lines) and self._lines[last].strip():
                last += 1
            yield from self._html_headings(last)

    def _html_headings(self, last: int) -> Iterator[Block]:
        """Split HTML up to line `last` at the headings in it."""
        first = number = self._number
        while number <= last:
            opening = _HTML_HEADING.search(self._lines[number - 1])
            if not opening:
                number += 1
                continue
            end = min(last, number + _MAX_HEADING_LINES)
            closing = next((n for n in range(number, end + 1) if _HTML_HEADING_END.search(self._lines[n - 1])), number)
            text = "\n".join(self._lines[number - 1 : closing])[opening.end() :]
            closed = _HTML_HEADING_END.search(text)
            heading = visible(_ANY_TAG.sub(" ", text[: closed.start() if closed else _MAX_MARKUP][:_MAX_MARKUP]))
            if heading and len(heading) <= MAX_HEADING_CHARACTERS:
                if first < number:
                    yield Block(first, number - 1)
                yield Block(number, closing, int(opening[1]), heading)
                first = closing + 1
            number = closing + 1
        if first <= last:
            yield Block(first, last)

    def _table(self, line: str) -> Iterator[Block]:
        """Read the header and rows of a table, each row with the column names."""
        number = self._number
        rule = self._lines[number] if number < len(self._lines) else ""
        if (
            "-" not in rule
            or "|" not in rule
            or not set(rule) <= set("|:- \t")
            or len(_cells(line)) != len(_cells(rule))
        ):
            return
        context = column_names([visible(cell) for cell in _cells(line)])
        yield Block(number, number + 1)
        for row in range(number + 2, len(self._lines) + 1):
            text = self._lines[row - 1]
            if "|" not in text or _ATX.match(text) or _FENCE.fullmatch(text):
                return
            yield Block(row, row, context=context)


def visible(text: str) -> str:
    """Return a heading or cell as it is read, without markup, badges and link brackets."""
    text = " ".join(text[:_MAX_MARKUP].split())
    without_images = _MARKUP.sub(_shown, _IMAGE.sub("", text))
    shown = " ".join(html.unescape(without_images).split())
    if not any(map(str.isalnum, shown)):
        # A heading that is only an image takes its alternative text.
        shown = " ".join(html.unescape(_MARKUP.sub(_shown, _IMAGE.sub(r"\1", text))).split()) or shown
    return shown


def _shown(found: re.Match[str]) -> str:
    target = (found["target"] or "").strip().strip("#").replace("#", " > ")
    return found["code"] or found["alias"] or target or found["link"] or found["escaped"] or ""


def _without_closing(text: str) -> str:
    """Remove the optional closing marks from a heading."""
    text = text.strip(" \t")
    bare = text.rstrip("#")
    return bare.rstrip(" \t") if not bare or bare[-1] in " \t" else text


def _indent(line: str) -> int:
    """Count the columns of white space before the text."""
    start = line[: len(line) - len(line.lstrip(" \t"))]
    return 4 if "\t" in start[:4] else len(start)


def _raw_end(line: str) -> str:
    """Return the mark that ends the HTML block that this line opens; "" if it opens none."""
    return next((end for opening, end in _RAW_HTML if opening.match(line)), "")


def _cells(row: str) -> list[str]:
    cells = row.strip().replace("\\|", "\0").split("|")
    if cells and not cells[0].strip():
        cells = cells[1:]
    if cells and not cells[-1].strip():
        cells = cells[:-1]
    return [cell.replace("\0", "|").strip() for cell in cells]


FORMATS = (Format("Markdown", (".md", ".markdown", ".mdx"), read, version=3),)
