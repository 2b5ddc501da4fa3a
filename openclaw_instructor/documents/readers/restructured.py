"""Read reStructuredText: headings by their underlines, and paragraphs."""

from __future__ import annotations

import re
from pathlib import PurePath

from openclaw_instructor.documents.document import Block, Document
from openclaw_instructor.documents.encoding import lines_of
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers.text import paragraphs


def read(data: bytes, path: PurePath) -> Document:
    """Read paragraphs under underlined headings; a level is an adornment in order of appearance."""
    lines, notes = lines_of(data)
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
    return Document(lines, blocks, title, notes=notes)


_ADORNMENT = re.compile(r"([=\-`:.'\"~^_*+#<>])\1{2,}\s*")


def _underlined(lines: list[str], block: Block) -> tuple[str, str, int] | None:
    """Return (heading, adornment, last line) if the block begins with a heading."""
    opening = [lines[number - 1] for number in range(block.first, min(block.first + 3, block.last + 1))]
    if len(opening) == 3 and _ADORNMENT.fullmatch(opening[0]) and opening[0].rstrip() == opening[2].rstrip():
        return opening[1].strip(), opening[0][0] * 2, block.first + 2
    if len(opening) >= 2 and _ADORNMENT.fullmatch(opening[1]) and not _ADORNMENT.fullmatch(opening[0]):
        heading = opening[0].strip()
        if len(opening[1].rstrip()) >= len(heading) and not opening[0].startswith((" ", "\t")):
            return heading, opening[1][0], block.first + 1
    return None


FORMATS = (Format("reStructuredText", (".rst",), read),)
