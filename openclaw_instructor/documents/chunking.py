"""Document -> chunks: passages within a token budget that end where a section, a paragraph or a code block ends.

A section that fits is one chunk. One that does not is cut into parts of like size, first between blocks, then between
lines, and only then inside a line; parts cut between blocks or lines repeat a little of the part before. What is
embedded is the heading path, a line end and the chunk's text; the heading path is no part of the text, which is always
exactly the file's lines.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document

# Part of a collection's identity: change it whenever the same file would be cut or prefixed differently.
CHUNKER = "chunks-2"
# Longer passages blur: one vector has to stand for all of it.
MAX_CONTENT_TOKENS = 240
MIN_CONTENT_TOKENS = 16
MAX_PREFIX_TOKENS = 48
_OVERLAP_SHARE = 8
# Tokens of lines counted one by one do not add up exactly to those of the joined text.
_MARGIN_TOKENS = 4

Count = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Chunk:
    """Lines `first` to `last` (1-based, inclusive); `text` is them, or a part of the only one when that is too long.

    `embedded` is what the model reads, `digest` stands for that text and for what it is embedded with.
    """

    first: int
    last: int
    heading: str
    text: str
    embedded: str
    digest: str


@dataclass(frozen=True)
class _Section:
    headings: tuple[str, ...]
    blocks: list[Block]


@dataclass(frozen=True)
class _Atom:
    """What is not cut further: a block, a line of a long block, or a `piece` of a long line."""

    first: int
    last: int
    tokens: int
    piece: str | None = None


class Chunker:
    """Cuts documents for one model and instruction.

    `count` gives the content tokens of each text, `room` the content tokens that fit beside the instruction, `space` a
    digest of all that shapes a vector besides the text.
    """

    def __init__(self, count: Count, room: int, space: str) -> None:
        self._count = count
        self._room = room
        self._space = space

    def split(self, document: Document) -> list[Chunk]:
        """The chunks in order. Every line that is not blank is in at least one of them."""
        lines, sections = document.lines, _sections(document.blocks)
        written = [number for number, line in enumerate(lines, start=1) if line.strip()]
        prefixes = [choice for section in sections for choice in _prefixes(document.title, section.headings)]
        tokens = self._count([lines[number - 1] for number in written] + prefixes)
        of_line = dict(zip(written, tokens, strict=False))
        of_prefix = dict(zip(prefixes, tokens[len(written) :], strict=True))
        chunks: list[Chunk] = []
        for section in sections:
            choices = _prefixes(document.title, section.headings)
            prefix = next((choice for choice in choices if of_prefix[choice] <= MAX_PREFIX_TOKENS), "")
            budget = max(
                MIN_CONTENT_TOKENS, min(MAX_CONTENT_TOKENS, self._room - of_prefix.get(prefix, 0) - _MARGIN_TOKENS)
            )
            atoms = list(self._atoms(section, lines, of_line, budget))
            # The title is told apart from the headings, so it is not said twice.
            heading = " > ".join(section.headings[section.headings[:1] == (document.title,) :])
            heading = heading[: 2 * MAX_HEADING_CHARACTERS]
            chunks += [self._chunk(group, lines, prefix, heading) for group in _packed(atoms, budget)]
        return chunks

    def _atoms(self, section: _Section, lines: list[str], of_line: dict[int, int], budget: int) -> Iterator[_Atom]:
        for block in section.blocks:
            numbers = range(block.first, block.last + 1)
            total = sum(of_line.get(number, 0) for number in numbers)
            if total <= budget:
                yield _Atom(block.first, block.last, total)
                continue
            for number in numbers:
                if of_line.get(number, 0) <= budget:
                    yield _Atom(number, number, of_line.get(number, 0))
                else:
                    for piece in self._pieces(lines[number - 1], of_line[number], budget):
                        yield _Atom(number, number, budget, piece)

    def _pieces(self, line: str, tokens: int, budget: int) -> list[str]:
        """The line in parts that fit, cut at spaces where there are any; joined they are the line."""
        pieces = _cut(line, max(1, int(len(line) / tokens * budget * 0.9)))
        while True:
            counts = self._count(pieces)
            if all(n <= budget or len(piece) == 1 for piece, n in zip(pieces, counts, strict=True)):
                return pieces
            pieces = [
                part
                for piece, n in zip(pieces, counts, strict=True)
                for part in (_cut(piece, max(1, len(piece) // 2)) if n > budget else [piece])
            ]

    def _chunk(self, group: list[_Atom], lines: list[str], prefix: str, heading: str) -> Chunk:
        first, last = group[0].first, group[-1].last
        piece = group[0].piece
        text = "\n".join(lines[first - 1 : last]) if piece is None else piece
        embedded = f"{prefix}\n{text}" if prefix else text
        digest = hashlib.blake2b(f"{self._space}\n{embedded}".encode(), digest_size=16).hexdigest()
        return Chunk(first, last, heading, text, embedded, digest)


def _sections(blocks: Sequence[Block]) -> list[_Section]:
    """Blocks under their heading path; headings with nothing between them open one section together."""
    sections: list[_Section] = []
    path: list[tuple[int, str]] = []
    for block in blocks:
        if not block.level:
            if not sections:
                sections.append(_Section((), []))
            sections[-1].blocks.append(block)
            continue
        deeper = not path or block.level > path[-1][0]
        path = [(level, heading) for level, heading in path if level < block.level] + [(block.level, block.heading)]
        headings = tuple(heading for _, heading in path if heading)
        bare = sections and sections[-1].blocks and all(before.level for before in sections[-1].blocks)
        if bare and deeper:
            sections[-1] = _Section(headings, [*sections[-1].blocks, block])
        else:
            sections.append(_Section(headings, [block]))
    return sections


def _prefixes(title: str, headings: tuple[str, ...]) -> list[str]:
    """What may be put before the text, the fullest first."""
    if title and title not in headings[:1]:
        headings = (title, *headings)
    return [" > ".join(headings[start:]) for start in dict.fromkeys((0, len(headings) - 1)) if headings]


def _packed(atoms: list[_Atom], budget: int) -> Iterator[list[_Atom]]:
    total = sum(atom.tokens for atom in atoms)
    repeated = budget // _OVERLAP_SHARE
    parts = 1 if total <= budget else math.ceil((total - repeated) / (budget - repeated))
    target = math.ceil(total / parts)
    group: list[_Atom] = []
    size = fresh = 0
    for atom in atoms:
        if group and (atom.piece is not None or size + atom.tokens > budget or fresh >= target):
            yield group
            group = [] if atom.piece is not None else _overlap(group, min(repeated, budget - atom.tokens))
            size, fresh = sum(member.tokens for member in group), 0
        group.append(atom)
        size, fresh = size + atom.tokens, fresh + atom.tokens
        if atom.piece is not None:
            yield group
            group, size, fresh = [], 0, 0
    if group:
        yield group


def _overlap(group: list[_Atom], limit: int) -> list[_Atom]:
    """The last atoms of a part that the next one repeats; never all of it."""
    kept: list[_Atom] = []
    for atom in reversed(group[1:]):
        limit -= atom.tokens
        if limit < 0:
            break
        kept.insert(0, atom)
    return kept


def _cut(text: str, length: int) -> list[str]:
    """Parts of at most `length` characters, each ending behind a space where its second half has one."""
    parts: list[str] = []
    while len(text) > length:
        space = text.rfind(" ", length // 2, length)
        end = space + 1 if space > 0 else length
        parts.append(text[:end])
        text = text[end:]
    return [*parts, text] if text else parts
