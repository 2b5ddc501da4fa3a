"""Build a document block by block in reading order, for formats whose text is not lines of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document, Location
from openclaw_instructor.text import clean

# The size limit of text files; a compressed file may unpack to many times its size.
MAX_CHARACTERS = 10_000_000
# A block costs some hundred bytes of memory, however short it is.
MAX_BLOCKS = 150_000
_LINE_ENDS = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f]")


class DocumentBuilder:
    """Takes headings, paragraphs and table rows in reading order, and numbers their lines."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._blocks: list[Block] = []
        self._characters = 0
        self.is_full = False

    @property
    def last_line(self) -> int:
        """The number of the last line so far; 0 before the first."""
        return len(self._lines)

    def heading(self, text: str, level: int, location: Location | None = None) -> None:
        """Add a heading of `level` (1 is the highest); one too long to be a heading becomes a paragraph."""
        heading = " ".join(_tidy(text).split())
        if heading and len(heading) <= MAX_HEADING_CHARACTERS:
            self._add([heading], location, level=level, heading=heading)
        else:
            self.paragraph(heading, location)

    def paragraph(
        self, text: str, location: Location | None = None, context: str = "", is_continued: bool = False
    ) -> None:
        """Add a text of one or more lines, one block for each run of lines that are not blank.

        With `is_continued` it follows without a blank line, as the next item of a list or row of a table does.
        """
        run: list[str] = []
        for line in [*_LINE_ENDS.split(_tidy(text)), ""]:
            if line.strip():
                run.append(line.rstrip())
            elif run:
                self._add(run, location, context, is_continued)
                run, is_continued = [], False

    def verbatim(self, text: str, location: Location | None = None) -> None:
        """Add a text, such as code, as one block with its blank lines and indentation."""
        lines = [line.rstrip() for line in re.split(r"\r\n|\n|\r", _tidy(text))]
        written = [number for number, line in enumerate(lines) if line]
        if written:
            self._add(lines[written[0] : written[-1] + 1], location)

    def append(self, part: Document, location: Location) -> None:
        """Add the blocks of another document, all of which stand at `location`."""
        for earlier, block in pairwise([None, *part.blocks]):
            assert block
            self._add(
                part.lines[block.first - 1 : block.last],
                location,
                block.context,
                is_continued=earlier is not None and block.first == earlier.last + 1,
                level=block.level,
                heading=block.heading,
            )

    def document(
        self, title: str = "", metadata: Mapping[str, str | Sequence[str]] | None = None, notes: Iterable[str] = ()
    ) -> Document:
        """Build the document, without empty `metadata`, and with a note when content was cut off."""
        notes = list(notes)
        if self.is_full:
            whole = len(self._blocks) < MAX_BLOCKS
            most = (
                f"{MAX_CHARACTERS // 1_000_000} million characters" if whole else f"{MAX_BLOCKS:,} paragraphs and rows"
            )
            notes.append(f"only its first {most} are read")
        known = {name: value for name, value in (metadata or {}).items() if value}
        return Document(self._lines, self._blocks, " ".join(_tidy(title).split()), known, notes)

    def _add(
        self,
        lines: Sequence[str],
        location: Location | None,
        context: str = "",
        is_continued: bool = False,
        level: int = 0,
        heading: str = "",
    ) -> None:
        self._characters += sum(map(len, lines)) + len(lines)
        self.is_full = self.is_full or self._characters > MAX_CHARACTERS or len(self._blocks) == MAX_BLOCKS
        if self.is_full:
            return
        if self._lines and not is_continued:
            self._lines.append("")
        first = len(self._lines) + 1
        self._lines += lines
        self._blocks.append(Block(first, len(self._lines), level, heading, location, context))


def _tidy(text: str) -> str:
    """Remove control characters and lone surrogates."""
    return clean(_CONTROLS.sub("", text))
