"""Read BibTeX: each entry is a block."""

from __future__ import annotations

import re
from pathlib import PurePath

from openclaw_instructor.documents.document import Document
from openclaw_instructor.documents.encoding import decode
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers.text import paragraphs
from openclaw_instructor.documents.tex_macros import ACCENT, accented

_ACCENTED = re.compile(ACCENT)


def read(data: bytes, path: PurePath) -> Document:
    """Read a BibTeX file: each entry is a block."""
    text, notes = decode(data)
    lines = _ACCENTED.sub(accented, text).splitlines()
    starts = [number for number, line in enumerate(lines, start=1) if line.startswith("@")]
    ends = [start - 1 for start in starts[1:]] + [len(lines)]
    blocks = [block for start, end in zip(starts, ends, strict=True) for block in paragraphs(lines, start, end)]
    return Document(lines, blocks, notes=notes)


FORMATS = (Format("BibTeX", (".bib",), read),)
