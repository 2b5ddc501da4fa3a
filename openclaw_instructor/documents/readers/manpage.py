"""Read manual pages in man(7) and mdoc(7), also compressed: what `man` shows, line by line."""

from __future__ import annotations

import re
import zlib
from pathlib import PurePath

from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document, UnreadableDocument
from openclaw_instructor.documents.encoding import lines_of
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.mdoc import mdoc_line
from openclaw_instructor.documents.readers.text import paragraphs
from openclaw_instructor.documents.roff import arguments, plain
from openclaw_instructor.documents.tables import column_names, find_header, row_text

_REQUEST = re.compile(r"[.'][ \t]*([A-Za-z0-9]{1,20}|\\[\"#])?[ \t]*(.*)", re.DOTALL)
# Macros that alternate fonts put no space between their arguments.
_JOINED = frozenset({"BR", "RB", "BI", "IB", "IR", "RI"})
_FONTS = frozenset({"B", "I", "R", "SM", "SB"})
_PARTS = frozenset({"PP", "P", "LP", "HP", "sp", "Pp", "bp"})
_VERBATIM = {"nf": "fi", "EX": "EE", "Bd": "Ed"}
# Requests that open blocks for the formatter, with what ends them.
_UNREAD = {"de": "..", "de1": "..", "am": "..", "ig": "..", "EQ": ".EN", "PS": ".PE"}
_LINKS = frozenset({"UR", "MT", "URL"})
_MAX_UNPACKED = 10_000_000
_GZIP = b"\x1f\x8b"
_TAB = re.compile(r"\btab\s*\((.)\)", re.IGNORECASE)
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2}|[A-Z][a-z]+ \d{1,2}, \d{4}|\d{1,2} [A-Z][a-z]+ \d{4})")


def read(data: bytes, path: PurePath) -> Document:
    """Read a manual page. Lines are those of its source; raises UnreadableDocument for what is none."""
    if data.startswith(_GZIP):
        data = _unpacked(data)
    lines, notes = lines_of(data)
    return _Reader(lines).run(notes)


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = unpacker.decompress(data, _MAX_UNPACKED)
    except zlib.error:
        raise UnreadableDocument("damaged: it cannot be unpacked") from None
    if unpacker.unconsumed_tail:
        raise UnreadableDocument(f"unpacks to more than {_MAX_UNPACKED // 1_000_000} MB")
    return text


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.source = lines
        self.lines = [""] * len(lines)
        self.blocks: list[Block] = []
        self.title = ""
        self.date = ""
        self.start = 1
        self.is_mdoc = False
        self.name = ""
        self.verbatim_from = 0
        self.heading_below = 0
        self.other = ""

    def run(self, notes: list[str]) -> Document:
        number = 1
        while number <= len(self.source):
            line = self.source[number - 1]
            found = _REQUEST.fullmatch(line) if line[:1] in (".", "'") else None
            if found:
                number = self._request(number, found[1] or "", found[2])
            else:
                self._text(number, plain(line))
            number += 1
        self._paragraphs(len(self.source))
        if not self.title and not self.other:
            raise UnreadableDocument("not a manual page: it has no title")
        if self.other and not self.title:
            notes.append(f"only refers to {self.other}")
        known = {"date": self.date} if self.date else {}
        return Document(self.lines, self.blocks, self.title, known, notes)

    def _text(self, number: int, text: str) -> None:
        if self.heading_below and text.strip():
            self._heading(number, self.heading_below, text)
        else:
            self.lines[number - 1] = text.rstrip() if self.verbatim_from else text.strip()

    def _request(self, number: int, name: str, rest: str) -> int:
        """Read a request; return the last line that belongs to it."""
        if name in _UNREAD:
            return self._to(number, _UNREAD[name], rest)
        if name in ("if", "ie", "el", "while"):
            return self._condition(number, rest)
        if name in ("TH", "Dt"):
            self._titled(name, arguments(rest))
        elif name in ("SH", "SS", "Sh", "Ss"):
            words = [plain(word) for word in arguments(rest)]
            level = 1 if name in ("SH", "Sh") else 2
            if words:
                self._heading(number, level, " ".join(words))
            else:
                self.heading_below = level
        elif name == "Dd":
            self.is_mdoc = True
            self.date = _date(rest)
        elif name == "so":
            self.other = rest.strip()[:100]
        elif name in _PARTS:
            self._paragraphs(number)
        elif name in _VERBATIM:
            self._paragraphs(number)
            self.verbatim_from = number
        elif name in _VERBATIM.values():
            self._close_verbatim(number)
        elif name == "TS":
            return self._table(number)
        elif self.is_mdoc:
            self._mdoc(number, name, rest)
        else:
            self._man(number, name, rest)
        return number

    def _man(self, number: int, name: str, rest: str) -> None:
        words = [plain(word) for word in arguments(rest)]
        if name == "TP":
            self._paragraphs(number)
        elif name == "IP":
            self._paragraphs(number - 1)
            self._text(number, words[0] if words else "")
        elif name in _JOINED:
            self._text(number, "".join(words))
        elif name in _FONTS or name in _LINKS:
            self._text(number, " ".join(words))
        elif name in ("SY", "OP"):
            self._text(number, f"[{' '.join(words)}]" if name == "OP" else " ".join(words))

    def _mdoc(self, number: int, name: str, rest: str) -> None:
        if name in ("Bl", "El", "It"):
            self._paragraphs(number - 1)
        if name == "Nm" and not self.name:
            self.name = plain(next(iter(arguments(rest)), ""))
        self._text(number, mdoc_line(name, arguments(rest), self.name))

    def _titled(self, name: str, words: list[str]) -> None:
        words = [plain(word) for word in words]
        if words:
            self.title = f"{words[0]}({words[1]})" if len(words) > 1 else words[0]
            self.title = self.title.lower() if words[0].isupper() and name == "Dt" else self.title
        if name == "TH" and len(words) > 2:
            self.date = _date(words[2])

    def _heading(self, number: int, level: int, text: str) -> None:
        self._close_verbatim(number - 1)
        self.heading_below = 0
        text = " ".join(text.split())
        self.lines[number - 1] = text
        self.start = number + 1
        level = level if len(text) <= MAX_HEADING_CHARACTERS else 0
        self.blocks.append(Block(number, number, level, text if level else ""))

    def _paragraphs(self, last: int) -> None:
        if self.verbatim_from:
            return
        self.blocks += paragraphs(self.lines, self.start, last)
        self.start = last + 1

    def _close_verbatim(self, last: int) -> None:
        """End an example, which is one block with its blank lines."""
        first, self.verbatim_from = self.verbatim_from, 0
        written = [n for n in range(first, last + 1) if self.lines[n - 1].strip()] if first else []
        if written:
            self.blocks.append(Block(written[0], written[-1]))
            self.start = last + 1
        self._paragraphs(last)

    def _to(self, number: int, end: str, rest: str) -> int:
        """Find the last line of a definition or a similar block."""
        words = arguments(rest)
        end = f".{words[1]}" if end == ".." and len(words) > 1 else end
        for last in range(number, len(self.source)):
            if self.source[last].split(maxsplit=1)[:1] == [end]:
                return last + 1
        return len(self.source)

    def _condition(self, number: int, rest: str) -> int:
        """Skip a conditional, which tests the formatter, to its closing brace; return its last line."""
        depth = rest.count("\\{") - rest.count("\\}")
        while depth > 0 and number < len(self.source):
            depth += self.source[number].count("\\{") - self.source[number].count("\\}")
            number += 1
        return number

    def _table(self, number: int) -> int:
        """Read a tbl(1) table: options, format up to a full stop, then a row on each line; returns its last line."""
        self._paragraphs(number)
        end = next((n for n in range(number, len(self.source)) if self.source[n].startswith(".TE")), len(self.source))
        layout = next((n for n in range(number, end) if self.source[n].rstrip().endswith(".")), end)
        mark = _TAB.search(" ".join(self.source[number : number + 2])[:200])
        rows: dict[int, list[str]] = {}
        for n in range(layout + 1, end):
            line = self.source[n]
            if not line.startswith(".") and line.strip(" _=\t"):
                cells = [
                    cell.replace("T{", "").replace("T}", "").strip() for cell in line.split(mark[1] if mark else "\t")
                ]
                rows[n + 1] = [plain(cell) for cell in cells]
                self.lines[n] = row_text(rows[n + 1])
        header = find_header(list(rows.values()))
        names = column_names(list(rows.values())[header]) if header is not None else ""
        for index, n in enumerate(rows):
            if self.lines[n - 1].strip():
                self.blocks.append(Block(n, n, context=names if header is not None and index > header else ""))
        self.start = end + 1
        return end


def _date(text: str) -> str:
    found = _DATED.search(text[:100].replace("$Mdocdate: ", "").replace(" $", ""))
    return iso_date(found[1]) if found else ""


FORMATS = (
    Format(
        "manual page",
        (*(f".{section}" for section in range(1, 9)), ".man", ".mdoc"),
        read,
        isolated=True,
        patterns=("*.[1-8].GZ", "*.[1-8][A-Z]*.GZ", "*.[1-8][A-Z]", "*.[1-8]SSL", "*.3PM"),
    ),
)
