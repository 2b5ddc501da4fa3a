"""Read LaTeX sources as the text that they print, line by line; mathematics stays as it is written.

pylatexenc turns whole files into text and loses the lines, by which a passage is found again.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document
from openclaw_instructor.documents.encoding import decode
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers.text import paragraphs
from openclaw_instructor.documents.tables import column_names, find_header
from openclaw_instructor.documents.tex_macros import (
    ACCENT,
    DROPPED,
    LETTERS,
    LEVELS,
    MATHEMATICS,
    PLAIN,
    REFERENCES,
    STATEMENTS,
    TABLES,
    UNREAD,
    VERBATIM,
    accented,
    brace_pairs,
)

_TOKEN = re.compile(
    rf"(?P<comment>%[^\n]*)|{ACCENT}"
    r"|\\(?P<macro>[a-zA-Z@]+)\*?|\\(?P<sign>[^a-zA-Z])|(?P<math>\$\$?)|(?P<brace>[{}])|(?P<plain>---?|``|''|~|&)"
    r"|(?P<text>[^\\%$&{}~`'-]+|.)",
    re.DOTALL,
)
_STATED = frozenset({"title", "author", "date"})
_OPTION = re.compile(r"[ \t]*\[([^\[\]\n]{0,400})\]")
_ARGUMENT = re.compile(r"\s*\{")
_MAX_ARGUMENT = 4_000
_MAX_FORMULA = 4_000


def read(data: bytes, path: PurePath) -> Document:
    """Read a LaTeX file, a whole document or a part of one. Lines are its own, without markup."""
    text, notes = decode(data)
    return _Reader(text.replace("\r\n", "\n").replace("\r", "\n")).document(notes)


class _Reader:
    """Reads the source in one pass; its output keeps all line ends, so that line numbers stay the same."""

    def __init__(self, text: str, is_argument: bool = False) -> None:
        self.text = text
        self.is_argument = is_argument
        self.position = 0
        self.pieces: list[str] = []
        self.line = 1
        # What to output at each closing brace, outermost first.
        self.closings: list[str] = []
        self.headings: dict[int, tuple[int, str]] = {}
        # First and last lines of verbatim blocks, and of tables.
        self.verbatim: dict[int, int] = {}
        self.tables: dict[int, int] = {}
        self.open_tables: list[int] = []
        self.stated: dict[str, str] = {}
        self.first_line = 1
        self.last_line: int | None = None
        self.includes = False
        self.closing = brace_pairs(text)

    def run(self) -> str:
        """Return the text without markup."""
        while found := _TOKEN.match(self.text, self.position):
            self.position = found.end()
            kind = found.lastgroup
            if kind == "text":
                self.say(found[0])
            elif kind in ("braced", "bare"):
                self.say(accented(found))
            elif kind == "macro":
                self.macro(found["macro"])
            elif kind == "sign":
                self.sign(found["sign"])
            elif kind == "math":
                self.formula(found["math"])
            elif kind == "plain":
                self.say(PLAIN[found["plain"]] if found["plain"] != "&" or self.open_tables else "&")
            elif found["brace"] == "{":
                self.closings.append("")
            elif found["brace"] and self.closings:
                self.say(self.closings.pop())
        return "".join(self.pieces)

    def say(self, text: str) -> None:
        self.pieces.append(text)
        self.line += text.count("\n")

    def pass_over(self, text: str) -> None:
        """Output only the line ends of a text."""
        self.say("\n" * text.count("\n"))

    def sign(self, sign: str) -> None:
        if sign in "([":
            self.copy_to("\\)" if sign == "(" else "\\]")
        else:
            self.say(sign if sign in "&%$#_{}\n" else " " if sign in "\\ ,;:" else "")

    def formula(self, mark: str) -> None:
        """Read a formula as its source; a dollar sign without a nearby closing one is plain text."""
        end = self.text.find(mark, self.position, self.position + _MAX_FORMULA)
        inside = self.text[self.position : end]
        if end < 0 or "\n\n" in inside:
            self.say(mark)
        else:
            self.say(f"{mark}{inside}{mark}")
            self.position = end + len(mark)

    def copy_to(self, closing: str, longest: int = _MAX_FORMULA) -> None:
        """Output the source up to `closing` unchanged, if that is near."""
        end = self.text.find(closing, self.position, self.position + longest)
        if end >= 0:
            self.say(self.text[self.position : end].strip(" "))
            self.position = end + len(closing)

    def macro(self, name: str) -> None:
        if name == "begin":
            self.begin(self.argument().rstrip("*"))
        elif name == "end":
            self.end(self.argument().rstrip("*"))
        elif name in LEVELS and not self.is_argument:
            self.option()
            self.heading(LEVELS[name])
        elif name in _STATED and not self.is_argument:
            argument = self.argument()
            self.stated[name] = _one_line(_Reader(argument, is_argument=True).run())
            self.pass_over(argument)
        elif name in REFERENCES:
            while self.option():
                pass
            argument = self.argument()
            self.say(f"[{_one_line(argument)}]")
            self.pass_over(argument)
        elif name in ("url", "path", "nolinkurl"):
            self.say(self.argument())
        elif name == "verb":
            self.verb()
        elif name == "item":
            self.say(f"- {self.option()} ".replace("  ", " "))
        elif name in ("footnote", "thanks"):
            self.option()
            if opening := _ARGUMENT.match(self.text, self.position):
                self.position = opening.end()
                self.closings.append(")")
                self.say(" (")
        elif name in LETTERS:
            self.say(LETTERS[name])
            self.spaces()
        else:
            self.drop(name)

    def drop(self, name: str) -> None:
        """Skip a macro and its arguments that are not printed; the argument of an unknown macro is text."""
        self.includes = self.includes or name in ("input", "include")
        self.option()
        for _ in range(DROPPED.get(name, 0)):
            self.pass_over(self.argument(is_command=True))
            while self.option():
                pass

    def begin(self, name: str) -> None:
        if name in VERBATIM or name in UNREAD or name in MATHEMATICS:
            end = self.text.find(f"\\end{{{name}", self.position)
            inside = self.text[self.position : end if end >= 0 else len(self.text)]
            self.position += len(inside)
            if name in UNREAD:
                self.pass_over(inside)
                return
            first = self.line
            self.say(inside)
            if name in VERBATIM:
                self.verbatim[first] = self.line
            return
        option = self.option()
        if name == "document":
            self.first_line = self.line
        elif name in TABLES:
            self.open_tables.append(self.line)
            for _ in range(2 if name in ("tabularx", "tabulary") else 1):
                self.pass_over(self.argument())
        elif name in STATEMENTS:
            self.say(f"{name.capitalize()} ({option}). " if option else f"{name.capitalize()}. ")

    def end(self, name: str) -> None:
        if name in TABLES and self.open_tables:
            self.tables[self.open_tables.pop()] = self.line
        elif name == "document":
            self.last_line = self.line

    def heading(self, level: int) -> None:
        argument = self.argument()
        text = _one_line(_Reader(argument, is_argument=True).run())
        if 0 < len(text) <= MAX_HEADING_CHARACTERS:
            self.headings[self.line] = (level, text)
        self.say(text)
        self.pass_over(argument)

    def verb(self) -> None:
        mark = self.text[self.position : self.position + 1]
        end = self.text.find(mark, self.position + 1, self.position + _MAX_ARGUMENT) if mark.strip() else -1
        if end >= 0 and "\n" not in self.text[self.position : end]:
            self.say(self.text[self.position + 1 : end])
            self.position = end + 1

    def option(self) -> str:
        """Read the optional argument that follows; "" if there is none."""
        found = _OPTION.match(self.text, self.position)
        if not found:
            return ""
        self.position = found.end()
        return found[1] or " "

    def argument(self, is_command: bool = False) -> str:
        """Read the argument in braces or the macro name that follows; "" if there is neither."""
        opening = _ARGUMENT.match(self.text, self.position)
        if not opening:
            named = _TOKEN.match(self.text, self.position) if is_command else None
            if named and named["macro"]:
                self.position = named.end()
            return ""
        end = self.closing.get(opening.end() - 1)
        if end is None or end - opening.end() > _MAX_ARGUMENT:
            return ""
        before, self.position = self.position, end + 1
        return self.text[before : opening.end() - 1] + self.text[opening.end() : end]

    def spaces(self) -> None:
        while self.text[self.position : self.position + 1] in (" ", "\t"):
            self.position += 1

    def document(self, notes: list[str]) -> Document:
        """Build the document as blocks over the lines of the source."""
        lines = [re.sub(r"(?<=\S)[ \t]+", " ", line).rstrip() for line in self.run().split("\n")]
        blocks: list[Block] = []
        start = number = self.first_line
        last_line = self.last_line or len(lines)
        while number <= last_line:
            last, taken = self.taken(lines, number)
            if taken:
                blocks += [*paragraphs(lines, start, number - 1), *taken]
                start = last + 1
            number = last + 1
        blocks += paragraphs(lines, start, last_line)
        if self.includes:
            notes.append("includes other files, which are read on their own")
        known = {"author": self.stated.get("author", ""), "date": iso_date(self.stated.get("date", ""))}
        title = self.stated.get("title", "") or next((block.heading for block in blocks if block.level), "")
        return Document(lines, blocks, title, {name: value for name, value in known.items() if value}, notes)

    def taken(self, lines: list[str], number: int) -> tuple[int, list[Block]]:
        """Return the last line and the blocks of the element that begins at a line, unless it is a paragraph."""
        if number in self.headings:
            level, text = self.headings[number]
            return number, [Block(number, number, level, text)]
        if number in self.verbatim:
            last = min(self.verbatim[number], len(lines))
            written = [n for n in range(number, last + 1) if lines[n - 1].strip()]
            return last, [Block(written[0], written[-1])] if written else []
        if number in self.tables:
            last = min(self.tables[number], len(lines))
            written = [n for n in range(number, last + 1) if lines[n - 1].strip()]
            rows = [lines[n - 1].strip().split(" | ") for n in written]
            header = find_header(rows)
            names = column_names(rows[header]) if header is not None else ""
            return last, [
                Block(n, n, context=names if header is not None and index > header else "")
                for index, n in enumerate(written)
            ]
        return number, []


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace(" ,", ",")


FORMATS = (Format("LaTeX", (".tex", ".ltx"), read, isolated=True),)
