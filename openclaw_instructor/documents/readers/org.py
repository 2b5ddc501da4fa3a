"""Read Org files: headings with their tags, source blocks and tables, without Emacs' own settings."""

from __future__ import annotations

import bisect
import re
from pathlib import PurePath

from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document
from openclaw_instructor.documents.encoding import lines_of
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers.text import paragraphs
from openclaw_instructor.documents.tables import column_names, find_header

_HEADING = re.compile(r"(\*+)\s+(.*)")
_TAGS = re.compile(r":[\w@#%:]+:")
_KEYWORD = re.compile(r"\s*#\+([A-Za-z_]+)(?:\[[^\]]*\])?:(.*)")
_BEGIN = re.compile(r"\s*#\+begin_(\w+)", re.IGNORECASE)
_DRAWER = re.compile(r"\s*:(PROPERTIES|LOGBOOK|CLOCK):\s*$", re.IGNORECASE)
_END = re.compile(r"\s*(?:#\+end_(\w+)|:END:)\s*", re.IGNORECASE)
_LINK = re.compile(r"\[\[([^\]\[]*)\](?:\[([^\]\[]*)\])?\]")
_EMPHASIS = re.compile(r"(?<![\w*/_=~+])([*/_=~+])(?=\S)([^\n]{0,400}?\S)\1(?![\w*/_=~+])")
_PRIORITY = re.compile(r"\[#[A-Z0-9]\]\s*")
_COMMENT = re.compile(r"\s*#(?:\s|$)")
_RULE = re.compile(r"\s*\|[-+|:]*\|?\s*$")
_STATES = ("TODO", "DONE")
# Longer lines are plain text: no markup is as long.
_MAX_LINE = 2_000
# Keywords whose values are text for people; the others are settings.
_SHOWN = ("caption", "description", "subtitle")


def read(data: bytes, path: PurePath) -> Document:
    """Read an Org file. Lines are its own; title, author, date and tags are those that it states."""
    lines, notes = lines_of(data)
    return _Reader(lines).run(notes)


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.keywords = _keywords(lines)
        states = " ".join(self.keywords.get("todo", ())).replace("|", " ").split()
        self.states = {*_STATES, *(state.split("(")[0] for state in states)}
        self.tags = [tag for value in self.keywords.get("filetags", ()) for tag in value.split(":") if tag.strip()]
        # The lines that end a block, by its name, and those that end a drawer.
        self.ends: dict[str, list[int]] = {}
        for number, line in enumerate(lines, start=1):
            if len(line) <= _MAX_LINE and (end := _END.fullmatch(line)):
                self.ends.setdefault((end[1] or "").lower(), []).append(number)

    def run(self, notes: list[str]) -> Document:
        blocks: list[Block] = []
        start = number = 1
        while number <= len(self.lines):
            found = self._block(number) if len(self.lines[number - 1]) <= _MAX_LINE else None
            if found is not None:
                blocks += paragraphs(self.lines, start, number - 1)
                number, taken = found
                blocks += taken
                start = number + 1
            number += 1
        blocks += paragraphs(self.lines, start, len(self.lines))
        first = next((block.heading for block in blocks if block.level == 1), "")
        title = _visible(" ".join(self.keywords.get("title", ()))[:_MAX_LINE], set()) or first
        metadata = {
            "author": ", ".join(self.keywords.get("author", ())),
            "date": next(filter(None, (iso_date(value.strip("<>[]")) for value in self.keywords.get("date", ()))), ""),
            "tags": list(dict.fromkeys(self.tags)),
            "language": next(iter(self.keywords.get("language", ())), ""),
        }
        return Document(self.lines, blocks, title, {name: value for name, value in metadata.items() if value}, notes)

    def _block(self, number: int) -> tuple[int, list[Block]] | None:
        """Read what begins at a line, unless it is a paragraph: its last line and blocks.

        Content that is not text has no blocks.
        """
        line = self.lines[number - 1]
        if heading := _HEADING.match(line):
            self.tags += _tags(heading[2])
            text = _visible(heading[2], self.states)
            level = len(heading[1]) if len(text) <= MAX_HEADING_CHARACTERS else 0
            return number, [Block(number, number, level, text if level else "")]
        if begin := _BEGIN.match(line):
            last = self._end(number, begin[1].lower())
            return last, [Block(number, last)]
        if _DRAWER.match(line):
            return self._end(number, ""), []
        if line.lstrip().startswith("|"):
            last = number
            while last < len(self.lines) and self.lines[last].lstrip()[:1] == "|":
                last += 1
            return last, _table(self.lines, number, last)
        keyword = _KEYWORD.match(line)
        if _COMMENT.match(line) or (keyword and keyword[1].lower() not in _SHOWN):
            return number, []
        return None

    def _end(self, first: int, name: str) -> int:
        """Find the last line of the block or drawer that begins here; its first if it is never closed."""
        ends = self.ends.get(name, [])
        index = bisect.bisect_left(ends, first)
        return ends[index] if index < len(ends) else first


def _keywords(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        if len(line) <= _MAX_LINE and (keyword := _KEYWORD.match(line)) and keyword[2].strip():
            found.setdefault(keyword[1].lower(), []).append(keyword[2].strip())
    return found


def _table(lines: list[str], first: int, last: int) -> list[Block]:
    """Read a table as a block for each row, with column names from above the first rule or from the rows."""
    rows = [n for n in range(first, last + 1) if not _RULE.fullmatch(lines[n - 1])]
    cells = [[cell.strip() for cell in lines[n - 1].strip().strip("|").split("|")] for n in rows]
    filled = set(rows)
    rule = next((n for n in range(first + 1, last) if n not in filled), None)
    header = find_header(cells) if rule is None or rows[:1] > [rule] else max(i for i, n in enumerate(rows) if n < rule)
    names = column_names(cells[header]) if header is not None else ""
    return [Block(n, n, context=names if header is not None and index > header else "") for index, n in enumerate(rows)]


def _tags(heading: str) -> list[str]:
    return [tag for tag in _parted(heading)[1].split(":") if tag]


def _parted(heading: str) -> tuple[str, str]:
    """Part a heading from the tags at its end."""
    *before, last = heading.rsplit(maxsplit=1) or [""]
    return (before[0], last) if before and _TAGS.fullmatch(last) else (heading, "")


def _visible(heading: str, states: set[str]) -> str:
    """Return a heading as it is read, without its state, priority, tags and markup."""
    text = _parted(heading)[0].strip()
    state, _, rest = text.partition(" ")
    if state in states:
        text = rest
    text = _PRIORITY.sub("", text)
    return _EMPHASIS.sub(r"\2", _LINK.sub(lambda link: link[2] or link[1], text)).strip()


FORMATS = (Format("Org", (".org",), read),)
