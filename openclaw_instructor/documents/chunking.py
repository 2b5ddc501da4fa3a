"""Document -> chunks: passages within a token budget that end where a section, a paragraph or a code block ends.

A section that fits is one chunk. One that does not is cut into parts of like size, first between blocks, then between
lines, and only then inside a line; each part repeats a little of the part before. What is embedded is the heading path,
the context of its blocks (such as the column names of a table) and the chunk's text; neither heading path nor context
is part of the text, which is always exactly the document's lines.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TypeAlias

from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document, Location

# Part of a collection's identity: change it whenever the same document would be cut or prefixed differently.
CHUNKER = "chunks-3"
# Longer passages blur: one vector has to stand for all of it.
MAX_CONTENT_TOKENS = 240
MIN_CONTENT_TOKENS = 16
MAX_PREFIX_TOKENS = 48
MAX_CONTEXT_CHARACTERS = 400
MAX_CONTEXT_TOKENS = 96
# Twice what 10 MB of prose give; more comes of generated files, and their passages would drown all others.
MAX_CHUNKS = 20_000
_OVERLAP_SHARE = 8
# Tokens of lines counted one by one do not add up exactly to those of the joined text.
_MARGIN_TOKENS = 4
# Blocks of more characters hardly ever fit; they are counted by lines at once.
_MAX_BLOCK_CHARACTERS = 8 * MAX_CONTENT_TOKENS
_SEPARATOR = " > "
_SEPARATOR_TOKENS = 2
# A tokenizer keeps some hundred bytes for each token of what it is given at once.
_TEXTS_AT_ONCE = 2_000
_CHARACTERS_AT_ONCE = 200_000
_WORD = re.compile(r"[^\W_]")

Count = Callable[[Sequence[str]], list[int]]
# The tokens of a block that stays whole; else of each of its lines, or where a line that is too long is cut.
_Parts: TypeAlias = int | list[int | list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines `first` to `last` (1-based, inclusive) of the document's text.

    `text` is these lines, or a part of the only one when that is too long: then `offset` says at which character of the
    line it begins, and is None otherwise. `locations` are the places in the file of `text`, each with the first and the
    last line that it covers; empty when these are lines of the file itself. `context` is what the reader knows of the
    surroundings, such as column names. `embedded` is what the model reads, and `digest` stands for that text and for
    what it is embedded with.
    """

    first: int
    last: int
    heading: str
    text: str
    embedded: str
    digest: str
    context: str = ""
    locations: tuple[tuple[int, int, Location], ...] = ()
    offset: int | None = None

    @property
    def location(self) -> Location:
        """The place of the whole chunk in its file."""
        placed = [location for _, _, location in self.locations]
        return Location.around(placed) if placed else Location("lines", self.first, self.last)


@dataclass(frozen=True, slots=True)
class _Section:
    """Blocks under their headings, as they are shown and as they are embedded."""

    headings: tuple[str, ...]
    embedded: tuple[str, ...]
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class _Atom:
    """A part that is not cut further: a block, a line of a long block, or a piece of a long line from `start` on."""

    block: Block
    first: int
    last: int
    tokens: int
    start: int | None = None
    end: int = 0


class Chunker:
    """Cuts documents for one model and instruction.

    `count` gives the content tokens of each text, `room` the content tokens that fit beside the instruction,
    `embedding_space` a digest of everything that shapes a vector besides the text.
    """

    def __init__(self, count: Count, room: int, embedding_space: str) -> None:
        self._count = count
        self._room = room
        self._embedding_space = embedding_space

    def split(self, document: Document) -> list[Chunk]:
        """Cut the whole document; every line with a word is in at least one chunk, and every chunk has a word."""
        return list(self.chunks(document))

    def chunks(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunks in order, each made when it is asked for."""
        lines, title = document.lines, document.title[:MAX_HEADING_CHARACTERS]
        for batch in _batches(_sections(document.blocks)):
            blocks = [block for section in batch for block in section.blocks]
            contexts = self._contexts({block.context for block in blocks})
            headings = list({title, *(heading for section in batch for heading in section.embedded)})
            tokens = dict(zip(headings, self._sizes(headings), strict=True))
            sizes = self._sizes(_whole(lines, block) for block in blocks)
            for section in batch:
                prefix, taken = _prefix(title, section.embedded, tokens)
                room = self._room - taken
                of_section = list(islice(sizes, len(section.blocks)))
                yield from self._section(lines, section, of_section, contexts, prefix, room, title)

    def _contexts(self, texts: set[str]) -> dict[str, tuple[str, int]]:
        """Each context, cut to its limits, and its tokens."""
        brief = {text: text[:MAX_CONTEXT_CHARACTERS] for text in texts if text}
        sizes = list(self._sizes(brief.values()))
        shares = {text: min(1.0, MAX_CONTEXT_TOKENS / size) for text, size in zip(brief, sizes, strict=True)}
        return {
            text: (brief[text][: int(len(brief[text]) * share)], min(size, MAX_CONTEXT_TOKENS))
            for (text, share), size in zip(shares.items(), sizes, strict=True)
        } | {"": ("", 0)}

    def _sizes(self, texts: Iterable[str]) -> Iterator[int]:
        """Yield the tokens of each text, 0 for a blank one."""
        for batch in _by_length(texts):
            if len(batch) == 1 and len(batch[0]) > _CHARACTERS_AT_ONCE:
                starts = range(0, len(batch[0]), _CHARACTERS_AT_ONCE)
                yield sum(self._count([batch[0][at : at + _CHARACTERS_AT_ONCE]])[0] for at in starts)
                continue
            distinct = list(dict.fromkeys(text for text in batch if text.strip()))
            known = dict(zip(distinct, self._count(distinct), strict=True)) if distinct else {}
            yield from (known.get(text, 0) for text in batch)

    def _section(
        self,
        lines: list[str],
        section: _Section,
        sizes: list[int],
        contexts: Mapping[str, tuple[str, int]],
        prefix: str,
        room: int,
        title: str,
    ) -> Iterator[Chunk]:
        reserved = max((contexts[block.context][1] for block in section.blocks), default=0)
        budget = max(MIN_CONTENT_TOKENS, min(MAX_CONTENT_TOKENS, room - reserved - _MARGIN_TOKENS))
        # The title is told apart from the headings, so it is not said twice.
        heading = _SEPARATOR.join(section.headings[section.headings[:1] == (title,) :])[: 2 * MAX_HEADING_CHARACTERS]
        parts = [self._parts(lines, block, size, budget) for block, size in zip(section.blocks, sizes, strict=True)]
        atoms = _atoms(section.blocks, parts, budget)
        for group in _balanced(_packed(atoms, _total(parts, budget), budget), budget):
            context = [contexts[text] for text in dict.fromkeys(atom.block.context for atom in group)]
            chunk = self._chunk(group, lines, prefix, _joined(context, reserved), heading)
            if _WORD.search(chunk.text):
                yield chunk

    def _parts(self, lines: list[str], block: Block, size: int, budget: int) -> _Parts:
        """Measure a block: its size when it stays whole, else the size of each line.

        A long line is given as the spans it is cut into.
        """
        if size <= budget and _whole(lines, block):
            return size
        texts = lines[block.first - 1 : block.last]
        if len(texts) == 1 and size:
            return [self._pieces(texts[0], size, budget)]
        return [
            tokens if tokens <= budget else self._pieces(line, tokens, budget)
            for line, tokens in zip(texts, self._sizes(texts), strict=True)
        ]

    def _pieces(self, line: str, tokens: int, budget: int) -> list[tuple[int, int]]:
        """(start, end) of overlapping parts of the line of like length, each within the budget."""
        parts = math.ceil(tokens / (budget * 0.8))
        while True:
            spans = _cut(line, parts)
            most = max(self._sizes(line[start:end] for start, end in spans))
            if most <= budget or parts >= len(line):
                return spans
            # Parts of like length, also of a line whose tokens stand closer together in one place than in another.
            parts = max(parts + 1, min(len(line), math.ceil(parts * most / budget)))

    def _chunk(self, group: list[_Atom], lines: list[str], prefix: str, context: list[str], heading: str) -> Chunk:
        first, last = group[0].first, group[-1].last
        start = group[0].start
        text = "\n".join(lines[first - 1 : last]) if start is None else lines[first - 1][start : group[0].end]
        around = "\n".join(part for part in context if part not in text)
        embedded = "\n".join(part for part in (prefix, around, text) if part)
        digest = hashlib.blake2b(f"{self._embedding_space}\n{embedded}".encode(), digest_size=16).hexdigest()
        return Chunk(first, last, heading, text, embedded, digest, around, _locations(group), start)


def _locations(group: list[_Atom]) -> tuple[tuple[int, int, Location], ...]:
    """List the locations of the atoms, with neighbours in the same place merged."""
    placed = [(atom.block.location, atom.first, atom.last) for atom in group]
    result = []
    for location, members in groupby(placed, key=lambda member: member[0]):
        if location is not None:
            lines = [line for _, first, last in members for line in (first, last)]
            result.append((lines[0], lines[-1], location))
    return tuple(result)


def _whole(lines: list[str], block: Block) -> str:
    """Return the text of a block that may fit one chunk; "" for a longer one."""
    if block.last - block.first >= MAX_CONTENT_TOKENS:
        return ""
    text = "\n".join(lines[block.first - 1 : block.last])
    return text if len(text) <= _MAX_BLOCK_CHARACTERS else ""


def _sections(blocks: Sequence[Block]) -> Iterator[_Section]:
    """Blocks under their heading path; headings with nothing between them open one section together."""
    section: _Section | None = None
    path: list[tuple[int, str, str]] = []
    for block in blocks:
        if not block.level:
            if section is None:
                section = _Section((), (), [])
            section.blocks.append(block)
            continue
        deeper = not path or block.level > path[-1][0]
        shown, read = (text[:MAX_HEADING_CHARACTERS] for text in (block.heading, block.heading_words or block.heading))
        path = [*(above for above in path if above[0] < block.level), (block.level, shown, read)]
        headings = tuple(above for _, above, _ in path if above)
        embedded = tuple(above for _, _, above in path if above)
        bare = section is not None and all(before.level for before in section.blocks)
        if section is not None and bare and deeper:
            section = _Section(headings, embedded, [*section.blocks, block])
        else:
            if section is not None:
                yield section
            section = _Section(headings, embedded, [block])
    if section is not None:
        yield section


def _batches(sections: Iterable[_Section]) -> Iterator[list[_Section]]:
    """Sections together until they have enough blocks for one call that counts their tokens."""
    batch: list[_Section] = []
    blocks = 0
    for section in sections:
        batch.append(section)
        blocks += len(section.blocks)
        if blocks >= _TEXTS_AT_ONCE:
            yield batch
            batch, blocks = [], 0
    if batch:
        yield batch


def _by_length(texts: Iterable[str]) -> Iterator[list[str]]:
    """Group the texts into batches of bounded length; a longer text is a batch of its own."""
    batch: list[str] = []
    length = 0
    for text in texts:
        if batch and (len(batch) == _TEXTS_AT_ONCE or length + len(text) > _CHARACTERS_AT_ONCE):
            yield batch
            batch, length = [], 0
        batch.append(text)
        length += len(text)
    if batch:
        yield batch


def _prefix(title: str, headings: tuple[str, ...], tokens: Mapping[str, int]) -> tuple[str, int]:
    """Choose the prefix and its token count: title and headings, else the last heading, else nothing."""
    path = headings if not title or title in headings[:1] else (title, *headings)
    for start in dict.fromkeys((0, len(path) - 1)) if path else ():
        chosen = path[start:]
        size = sum(tokens[heading] for heading in chosen) + _SEPARATOR_TOKENS * (len(chosen) - 1)
        if size <= MAX_PREFIX_TOKENS:
            return _SEPARATOR.join(chosen), size
    return "", 0


def _joined(contexts: Iterable[tuple[str, int]], limit: int) -> list[str]:
    """Join the contexts in order as far as they fit into `limit` tokens."""
    kept = []
    for text, size in contexts:
        limit -= size
        if text and limit >= 0:
            kept.append(text)
    return kept


def _total(parts: Sequence[_Parts], budget: int) -> int:
    """Add up the tokens of all parts; a piece of a line counts as a whole budget."""
    sizes = [part for block in parts for part in (block if isinstance(block, list) else [block])]
    return sum(part if isinstance(part, int) else budget * len(part) for part in sizes)


def _atoms(blocks: Sequence[Block], parts: Sequence[_Parts], budget: int) -> Iterator[_Atom]:
    for block, cut in zip(blocks, parts, strict=True):
        if isinstance(cut, int):
            yield _Atom(block, block.first, block.last, cut)
            continue
        for line, part in enumerate(cut, start=block.first):
            if isinstance(part, int):
                yield _Atom(block, line, line, part)
            else:
                yield from (_Atom(block, line, line, budget, start, end) for start, end in part)


def _packed(atoms: Iterable[_Atom], total: int, budget: int) -> Iterator[list[_Atom]]:
    """Atoms in groups of like size within the budget, each beginning with a little of the one before."""
    repeated = budget // _OVERLAP_SHARE
    parts = 1 if total <= budget else math.ceil((total - repeated) / (budget - repeated))
    target = math.ceil(total / parts)
    group: list[_Atom] = []
    size = fresh = 0
    for atom in atoms:
        if group and (atom.start is not None or size + atom.tokens > budget or fresh >= target):
            yield group
            group = [] if atom.start is not None else _overlap(group, min(repeated, budget - atom.tokens))
            size, fresh = sum(member.tokens for member in group), 0
        group.append(atom)
        size, fresh = size + atom.tokens, fresh + atom.tokens
        if atom.start is not None:
            yield group
            group, size, fresh = [], 0, 0
    if group:
        yield group


def _balanced(groups: Iterable[list[_Atom]], budget: int) -> Iterator[list[_Atom]]:
    """Even out the last two groups when the last one is far smaller."""
    last: list[list[_Atom]] = []
    for group in groups:
        last.append(group)
        if len(last) > 2:
            yield last.pop(0)
    if len(last) == 2 and all(atom.start is None for group in last for atom in group):
        sizes = [sum(atom.tokens for atom in group) for group in last]
        if sizes[1] < sizes[0] // 2:
            last = _halves(list(dict.fromkeys(last[0] + last[1])), budget) or last
    yield from last


def _halves(atoms: list[_Atom], budget: int) -> list[list[_Atom]]:
    """Split the atoms into one group if they fit, else two as even as possible; none if not even two fit."""
    total = sum(atom.tokens for atom in atoms)
    if total <= budget:
        return [atoms]
    best, best_difference, left = 0, total, 0
    for number, atom in enumerate(atoms[:-1], start=1):
        left += atom.tokens
        if max(left, total - left) <= budget and abs(total - 2 * left) < best_difference:
            best, best_difference = number, abs(total - 2 * left)
    return [atoms[:best], atoms[best:]] if best else []


def _overlap(group: list[_Atom], limit: int) -> list[_Atom]:
    """Return the last atoms of a part, which the next part repeats; never all of it."""
    kept: list[_Atom] = []
    for atom in reversed(group[1:]):
        limit -= atom.tokens
        if limit < 0 or atom.start is not None:
            break
        kept.insert(0, atom)
    return kept


def _cut(line: str, parts: int) -> list[tuple[int, int]]:
    """(start, end) of `parts` parts of like length that overlap a little, cut at blanks where there are some near."""
    length = len(line) / parts
    ends = [_blank_near(line, round(length * number), int(length / 4)) for number in range(1, parts)]
    ends = [end for end, before in zip(ends, [0, *ends], strict=False) if end > before] + [len(line)]
    starts = [_blank_near(line, end - int(length / _OVERLAP_SHARE), int(length / (2 * _OVERLAP_SHARE))) for end in ends]
    return list(zip([0, *starts[:-1]], ends, strict=True))


def _blank_near(line: str, wanted: int, reach: int) -> int:
    """Behind the blank nearest to `wanted`, or there itself when there is none within `reach` characters."""
    before = line.rfind(" ", max(0, wanted - reach), wanted) + 1
    after = line.find(" ", wanted, wanted + reach) + 1
    near = [place for place in (before, after) if place > 0]
    return min(near, key=lambda place: abs(place - wanted), default=wanted)
