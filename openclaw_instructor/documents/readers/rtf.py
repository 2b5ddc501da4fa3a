"""Read Rich Text Format: paragraphs under headings by style or outline level, tables, footnotes and comments.

Follows the specification 1.9.1. striprtf, the library for it, gives one text without headings, runs the cells of tables
together, and drops footnotes; deleted and hidden text it keeps.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.content import identify
from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.documents.document import Document, UnreadableDocument
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.rtf_words import CHARSETS, DESTINATIONS, ENCODINGS, OPTIONAL, SIGNS, SKIPPED
from openclaw_instructor.documents.tables import add_table, find_header
from openclaw_instructor.documents.wordprocessing import is_title_name, level_of_name

_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\", re.DOTALL
)
_MARK = re.compile(r"(\S{1,10})\t\s*")
_MAX_DEPTH = 10_000
_MAX_CELLS = 200


@dataclass
class _State:
    """The state that braces save and restore: destination, encoding, and formatting of text and paragraph."""

    aside: str = ""
    is_ignored: bool = False
    font: int | None = None
    fallback: int = 1
    is_hidden: bool = False
    is_deleted: bool = False
    # Text that replaces an HTML tag, in HTML encapsulated in RTF as in Outlook's mail.
    is_beside_html: bool = False
    is_in_table: bool = False
    style: int = 0
    outline: int | None = None


def read(data: bytes, path: PurePath) -> Document:
    """Read an RTF document.

    Its title is a paragraph in the style "Title", else that of its properties, else its first heading of level 1.
    """
    data = data.strip()
    if not data.startswith(b"{\\rtf"):
        content = identify(data)
        raise UnreadableDocument(content.name if content else "not an RTF text" if data else "empty")
    return _Reader(data.decode("latin-1")).run()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.builder = DocumentBuilder()
        self.state = _State()
        self.stack: list[_State] = []
        self.encoding = "cp1252"
        self.fonts: dict[int, str] = {}
        self.levels: dict[int, int] = {}
        self.titles: set[int] = set()
        self.is_optional = False
        # How many characters are left to skip of the substitute for a Unicode character.
        self.replaced = 0
        self.bytes = bytearray()
        self.texts: dict[str, list[str]] = {}
        self.dates: dict[str, dict[str, int]] = {}
        self.remarks: list[str] = []
        self.cells: list[str] = []
        self.rows: list[list[str]] = []
        self.title = ""
        self.is_listed = False

    def run(self) -> Document:
        for found in self._tokens():
            word, number, byte, sign, brace, literal = found.groups()
            if byte or literal:
                self._add_bytes(bytes.fromhex(byte) if byte else literal.encode("latin-1"))
                continue
            self._decode()
            if brace == "{":
                self._open()
            elif brace:
                self._close()
            elif sign:
                self._sign(sign)
            elif word:
                self._word(word, int(number) if number else None)
            if self.builder.is_full:
                break
        self._decode()
        self._paragraph()
        document = self.builder.document("", self._metadata())
        first = next((block.heading for block in document.blocks if block.level == 1), "")
        return replace(document, title=self.title or self._take("title") or first)

    def _tokens(self) -> Iterator[re.Match[str]]:
        position = 0
        while found := _TOKEN.match(self.text, position):
            position = found.end()
            if found[1] == "bin" and found[2]:
                # Skip that many bytes of binary data.
                position += max(0, int(found[2]))
            yield found

    def _open(self) -> None:
        if len(self.stack) > _MAX_DEPTH:
            raise UnreadableDocument("nested too deeply")
        self.stack.append(self.state)
        self.state = copy.copy(self.state)
        self.is_optional = False
        self.replaced = 0

    def _close(self) -> None:
        before, self.state = self.state, self.stack.pop() if self.stack else _State()
        self.replaced = 0
        if before.aside == "stylesheet" and not before.is_ignored:
            self._declare(before)
        elif before.aside in ("footnote", "annotation") and before.aside != self.state.aside:
            author = self._take("atnauthor") if before.aside == "annotation" else ""
            if text := self._take(before.aside):
                self.remarks.append(f"[Comment by {author}: {text}]" if author else f"[{text}]")

    def _declare(self, state: _State) -> None:
        """Record the heading level or title role of a style in the style sheet."""
        name = self._take("stylesheet").rstrip(";")
        level = level_of_name(name) or (state.outline + 1 if state.outline is not None and state.outline < 9 else 0)
        if level:
            self.levels[state.style] = level
        if is_title_name(name):
            self.titles.add(state.style)

    def _sign(self, sign: str) -> None:
        if self.replaced:
            self.replaced -= 1
        elif sign == "*":
            self.is_optional = True
        elif sign in "\r\n":
            self._word("par", None)
        else:
            self._say(SIGNS.get(sign, ""))

    def _word(self, word: str, number: int | None) -> None:
        is_optional, self.is_optional = self.is_optional, False
        state = self.state
        if word in SKIPPED or (is_optional and word not in OPTIONAL):
            state.is_ignored = True
        elif state.is_ignored:
            return
        elif word in DESTINATIONS:
            state.aside = word
        elif word in SIGNS:
            self._say(SIGNS[word])
        elif word in _ACTIONS:
            _ACTIONS[word](self, number)
        elif word in _NUMBERS:
            setattr(state, _NUMBERS[word], number or 0)
        elif word in _SWITCHES:
            setattr(state, _SWITCHES[word], number != 0)
        elif word in ("yr", "mo", "dy") and number is not None:
            self.dates.setdefault(state.aside, {})[word] = number
        elif word in ENCODINGS:
            self.encoding = ENCODINGS[word]

    def _unicode(self, number: int | None) -> None:
        if number is not None and -0x8000 <= number < 0x10000:
            self._say(chr(number % 0x10000))
        self.replaced = self.state.fallback

    def _charset(self, number: int | None) -> None:
        if self.state.font is not None and self.state.aside == "fonttbl":
            self.fonts[self.state.font] = CHARSETS.get(number or 0, self.encoding)

    def _code_page(self, number: int | None) -> None:
        self.encoding = f"cp{number}" if number and number != 65001 else "utf-8" if number else self.encoding

    def _plain(self, number: int | None) -> None:
        self.state.font, self.state.is_hidden, self.state.is_deleted = None, False, False

    def _pard(self, number: int | None) -> None:
        self.state.is_in_table, self.state.style, self.state.outline = False, 0, None

    def _par(self, number: int | None) -> None:
        if self.state.aside or self.state.is_in_table:
            self._say(" ")
        else:
            self._paragraph()

    def _listed(self, number: int | None) -> None:
        self.is_listed = True

    def _cell(self, number: int | None) -> None:
        text = self._take("")
        if len(self.cells) < _MAX_CELLS:
            self.cells.append(text)

    def _row(self, number: int | None) -> None:
        self.rows.append(self.cells)
        self.cells = []

    def _paragraph(self) -> None:
        """End a paragraph, and the table before it."""
        if self.cells:
            self._row(None)
        if self.rows:
            add_table(self.builder, self.rows, header=find_header(self.rows))
            self.rows = []
        text = _joined(self.texts.pop("", [])).strip()
        state = self.state
        level = state.outline + 1 if state.outline is not None else self.levels.get(state.style, 0)
        if state.style in self.titles:
            self.title = self.title or text
            level = level or 1
        mark = _MARK.match(text)
        if mark and (self.is_listed or not any(map(str.isalnum, mark[1]))):
            sign = mark[1] if any(map(str.isalnum, mark[1])) else "-"
            text, self.is_listed = f"{sign} {text[mark.end() :]}", True
        if level and level <= 9:
            self.builder.heading(text, level)
        else:
            self.builder.paragraph(text, is_continued=self.is_listed)
        self.is_listed = False
        for remark in self.remarks:
            self.builder.paragraph(remark, is_continued=True)
        self.remarks = []

    def _add_bytes(self, data: bytes) -> None:
        if self.replaced:
            taken = min(self.replaced, len(data))
            self.replaced -= taken
            data = data[taken:]
        if not self.state.is_ignored:
            self.bytes += data

    def _decode(self) -> None:
        """Decode the collected bytes in the encoding of their font."""
        if self.bytes:
            encoding = self.fonts.get(self.state.font, self.encoding) if self.state.font is not None else self.encoding
            try:
                text = self.bytes.decode(encoding, "replace")
            except LookupError:
                text = self.bytes.decode("cp1252", "replace")
            self.bytes.clear()
            self._say(text)

    def _say(self, text: str) -> None:
        state = self.state
        if not (state.is_ignored or state.is_hidden or state.is_deleted or state.is_beside_html):
            self.texts.setdefault(state.aside, []).append(text)

    def _take(self, aside: str) -> str:
        """Return and clear the text collected for a destination, on one line."""
        return " ".join(_joined(self.texts.pop(aside, [])).split())

    def _metadata(self) -> dict[str, str | list[str]]:
        date = self.dates.get("revtim") or self.dates.get("creatim") or {}
        return {
            "author": self._take("author"),
            "date": iso_date(f"{date.get('yr', 0):04}-{date.get('mo', 0):02}-{date.get('dy', 0):02}"),
            "tags": [tag.strip() for tag in re.split("[;,]", self._take("keywords")) if tag.strip()],
        }


def _joined(pieces: list[str]) -> str:
    """Join pieces to one text, and the halves of surrogate pairs, which are separate pieces, to characters."""
    return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_ACTIONS = {
    "par": _Reader._par,
    "sect": _Reader._par,
    "cell": _Reader._cell,
    "listtext": _Reader._listed,
    "pntext": _Reader._listed,
    "row": _Reader._row,
    "pard": _Reader._pard,
    "plain": _Reader._plain,
    "u": _Reader._unicode,
    "fcharset": _Reader._charset,
    "ansicpg": _Reader._code_page,
}
_NUMBERS = {"f": "font", "uc": "fallback", "s": "style", "outlinelevel": "outline"}
_SWITCHES = {"v": "is_hidden", "deleted": "is_deleted", "htmlrtf": "is_beside_html", "intbl": "is_in_table"}

FORMATS = (Format("RTF", (".rtf",), read, max_bytes=50_000_000, isolated=True),)
