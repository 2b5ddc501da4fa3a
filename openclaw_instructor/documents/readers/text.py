"""Read plain text: paragraphs between blank lines."""

from __future__ import annotations

from pathlib import PurePath

from openclaw_instructor.documents.document import Block, Document
from openclaw_instructor.documents.encoding import lines_of
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.payloads import without_payloads


def read(data: bytes, path: PurePath) -> Document:
    """Read a text of any kind as paragraphs."""
    lines, notes = lines_of(data)
    lines = without_payloads(lines)
    return Document(lines, paragraphs(lines, 1, len(lines)), notes=notes)


def paragraphs(lines: list[str], first: int, last: int) -> list[Block]:
    """Yield the paragraphs in lines `first` to `last`."""
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


FORMATS = (
    Format(
        "text",
        (".txt", ".text"),
        read,
        names=("README", "CHANGELOG", "CHANGES", "CONTRIBUTING", "INSTALL", "LICENSE", "NEWS", "NOTICE", "TODO"),
    ),
)
