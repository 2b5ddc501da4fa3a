"""Markdown -> blocks: front matter, ATX and setext headings, fenced code, paragraphs.

Only what decides where a passage may begin and end is parsed (CommonMark 0.31, sections 4.2, 4.3 and 4.5).
"""

from __future__ import annotations

import datetime
import re
from pathlib import PurePath

import yaml

from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document
from openclaw_instructor.documents.encoding import lines_of
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers.text import paragraphs
from openclaw_instructor.text import clean

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*")
# Behind the marks of list items too. Blanks belong to the mark before them only: no line is tried in many ways.
_FENCE = re.compile(r" *(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})(.*)")
_NOT_PARAGRAPH = re.compile(r"\s*([-*+>|#]|\d+[.)])(\s|$)")
_MARKUP = re.compile(
    r"`+(?P<code>[^`]*)`+|!?\[(?P<link>[^\]]*)\]\([^)]*\)|\*+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)"
    r"|</?(?:a|b|br|code|em|i|img|kbd|strong|sub|sup)\b[^>]*>|\s*\{#[^}]*\}"
)


def read(data: bytes, path: PurePath) -> Document:
    """Read blocks of Markdown. The title is the front matter's, else that of the first level-1 heading."""
    lines, notes = lines_of(data)
    blocks: list[Block] = []
    start, title = _front_matter(lines)
    if start > 1:
        blocks.append(Block(1, start - 1))
    text_from = number = start
    while number <= len(lines):
        block = _fence(lines, number) or _heading(lines, number)
        if block:
            text_to = min(block.first, number) - 1
            blocks += paragraphs(lines, text_from, text_to)
            blocks.append(block)
            text_from = number = block.last + 1
        else:
            number += 1
    blocks += paragraphs(lines, text_from, len(lines))
    title = title or next((block.heading for block in blocks if block.level == 1), "")
    return Document(lines, blocks, title, notes=notes)


def _front_matter(lines: list[str]) -> tuple[int, str]:
    """(first line after the front matter, its title)."""
    if lines[0].rstrip() != "---":
        return 1, ""
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() in ("---", "..."):
            return number + 1, _title("\n".join(lines[1 : number - 1]))
    return 1, ""


def _title(front_matter: str) -> str:
    try:
        values = yaml.safe_load(front_matter)
    except Exception:  # KeyError and RecursionError too are how the parser meets odd values
        return ""
    title = values.get("title") if isinstance(values, dict) else None
    # Of a list or mapping the text may be a million times as long as the file.
    if not isinstance(title, str | int | float | datetime.date):
        return ""
    return " ".join(clean(str(title)).split())[:MAX_HEADING_CHARACTERS]


def _fence(lines: list[str], number: int) -> Block | None:
    """The fenced code that opens at this line; one that is never closed runs to the end."""
    opening = _FENCE.fullmatch(lines[number - 1])
    if not opening or (opening[1][0] == "`" and "`" in opening[2]):
        return None
    closing = re.compile(rf" *{re.escape(opening[1][0])}{{{len(opening[1])},}}[ \t]*")
    for last in range(number + 1, len(lines) + 1):
        if closing.fullmatch(lines[last - 1]):
            return Block(number, last)
    return Block(number, len(lines))


def _heading(lines: list[str], number: int) -> Block | None:
    atx = _ATX.fullmatch(lines[number - 1])
    if atx:
        return Block(number, number, len(atx[1]), _visible(atx[2] or ""))
    if number == len(lines):
        return None
    text, underline = lines[number - 1], _SETEXT.fullmatch(lines[number])
    if not underline or not text.strip() or text.startswith(("    ", "\t")) or _NOT_PARAGRAPH.match(text):
        return None
    if len(text) > MAX_HEADING_CHARACTERS:
        return None
    # Only the last line before the underline counts as the heading; a paragraph above it stays a paragraph.
    return Block(number, number + 1, 1 if underline[1][0] == "=" else 2, _visible(text))


def _visible(text: str) -> str:
    """A heading without its markup."""
    return " ".join(_MARKUP.sub(lambda match: match["code"] or match["link"] or "", text).split())


FORMATS = (Format("Markdown", (".md", ".markdown", ".mdx"), read),)
