"""File formats: bytes -> Document. A new format is one function and its suffixes in READERS.

A reader returns the lines of the text and blocks over them; it knows nothing of tokens or chunks, and `chunks.py` knows
nothing of formats.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

_LINE_END = re.compile(r"\r\n|\n|\r")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SNIFF_BYTES = 8_192
# A heading is kept with every chunk below it and shown with every hit; longer ones are paragraphs that happen to stand
# above a line of dashes.
MAX_HEADING_CHARACTERS = 200


@dataclass(frozen=True)
class Block:
    """Lines `first` to `last` (1-based, inclusive) that belong together; a heading when `level` is not 0."""

    first: int
    last: int
    level: int = 0
    heading: str = ""


@dataclass(frozen=True)
class Document:
    """A text as lines, its blocks in order (blank lines belong to none), and its own title if it states one."""

    lines: list[str]
    blocks: list[Block]
    title: str = ""
    notes: list[str] = field(default_factory=list)


def read(path: PurePath, data: bytes) -> Document:
    """Parse a file's content by its suffix; a suffix that no reader claims is read as plain text."""
    text, notes = decode(data)
    reader = READERS.get(path.suffix.lower(), plain)
    document = reader(_LINE_END.split(text))
    return Document(document.lines, document.blocks, document.title, notes + document.notes)


def readable(path: PurePath) -> bool:
    """Whether a file of this name is taken without being asked for."""
    return path.suffix.lower() in READERS or (not path.suffix and path.name.upper() in _BARE_NAMES)


def binary(data: bytes) -> bool:
    """Whether this is no text: a NUL byte near the start and no byte order mark that would explain it."""
    return b"\0" in data[:_SNIFF_BYTES] and not any(data.startswith(bom) for bom, _ in _BOMS)


def decode(data: bytes) -> tuple[str, list[str]]:
    """Text and notes. UTF-8, or what a byte order mark says; else the more likely of damaged UTF-8 and Windows-1252.

    Bytes that the chosen encoding does not know become U+FFFD: a text is never refused for its encoding.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            text = data.decode(name, errors="replace")
            return text, ["some bytes are not valid " + name.removesuffix("-sig").upper()] if "�" in text else []
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        mended = data.decode("utf-8", errors="replace")
    damaged = mended.count("�")
    if sum(character > "\x7f" for character in mended) - damaged >= damaged:
        return mended, ["not valid UTF-8 throughout: damaged characters were replaced"]
    return data.decode("cp1252", errors="replace"), ["not UTF-8: read as Windows-1252"]


def plain(lines: list[str]) -> Document:
    """Paragraphs: runs of lines that are not blank."""
    return Document(lines, paragraphs(lines, 1, len(lines)))


def paragraphs(lines: list[str], first: int, last: int) -> list[Block]:
    """The paragraphs among lines `first` to `last`."""
    blocks: list[Block] = []
    start = None
    for number in range(first, last + 1):
        if lines[number - 1].strip():
            start = start or number
        elif start:
            blocks.append(Block(start, number - 1))
            start = None
    if start:
        blocks.append(Block(start, last))
    return blocks


def restructured(lines: list[str]) -> Document:
    """reStructuredText as paragraphs under its underlined headings; a level is an adornment in order of appearance."""
    blocks: list[Block] = []
    levels: dict[str, int] = {}
    title = ""
    for block in paragraphs(lines, 1, len(lines)):
        found = _underlined(lines, block)
        if not found:
            blocks.append(block)
            continue
        heading, adornment, last = found
        level = levels.setdefault(adornment, len(levels) + 1)
        title = title or (heading if level == 1 else "")
        blocks.append(Block(block.first, last, level, heading))
        if last < block.last:
            blocks.append(Block(last + 1, block.last))
    return Document(lines, blocks, title)


_ADORNMENT = re.compile(r"([=\-`:.'\"~^_*+#<>])\1{2,}\s*")


def _underlined(lines: list[str], block: Block) -> tuple[str, str, int] | None:
    """(heading, adornment, last line) when the block opens with a heading."""
    opening = [lines[number - 1] for number in range(block.first, min(block.first + 3, block.last + 1))]
    if len(opening) == 3 and _ADORNMENT.fullmatch(opening[0]) and opening[0].rstrip() == opening[2].rstrip():
        return opening[1].strip(), opening[0][0] * 2, block.first + 2
    if len(opening) >= 2 and _ADORNMENT.fullmatch(opening[1]) and not _ADORNMENT.fullmatch(opening[0]):
        heading = opening[0].strip()
        if len(opening[1].rstrip()) >= len(heading) and not opening[0].startswith((" ", "\t")):
            return heading, opening[1][0], block.first + 1
    return None


def _markdown(lines: list[str]) -> Document:
    from openclaw_instructor.index.markdown import markdown

    return markdown(lines)


READERS: Mapping[str, Callable[[list[str]], Document]] = {
    ".md": _markdown,
    ".markdown": _markdown,
    ".mdx": _markdown,
    ".rst": restructured,
    ".text": plain,
    ".txt": plain,
}
_BARE_NAMES = frozenset(
    {"README", "CHANGELOG", "CHANGES", "CONTRIBUTING", "INSTALL", "LICENSE", "NEWS", "NOTICE", "TODO"}
)
