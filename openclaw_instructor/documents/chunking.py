"""Cut documents into chunks: passages within a token budget that end with a section, a paragraph or a code block.

A section that fits is one chunk. A longer one is cut into chunks of about equal size, between blocks if possible, else
between lines, else inside a line; each chunk repeats a little of the one before. The heading path and the context of
the blocks (such as the column names of a table) are embedded before the text but are no part of it: the text of a chunk
is always exactly the document's lines.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from openclaw_instructor.documents.chunk_packing import Atom, Parts, cut_line, opening, pack
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document, Location
from openclaw_instructor.documents.sections import SEPARATOR, Section, heading_path, sections

# Part of a collection's identity: change it whenever the same document would be cut or prefixed differently.
CHUNKER = "chunks-4"
# One vector represents longer passages less well.
MAX_CONTENT_TOKENS = 240
MIN_CONTENT_TOKENS = 16
MAX_CONTEXT_CHARACTERS = 400
MAX_CONTEXT_TOKENS = 96
# Twice what 10 MB of prose give; only generated files have more, and they would crowd out all others.
MAX_CHUNKS = 20_000
# Tokens of lines counted one by one do not add up exactly to those of the joined text.
_MARGIN_TOKENS = 4
# Longer blocks hardly ever fit, so they are counted line by line from the start.
_MAX_BLOCK_CHARACTERS = 8 * MAX_CONTENT_TOKENS
# A tokenizer takes some hundred bytes of memory for each token of a call.
_TEXTS_AT_ONCE = 2_000
_CHARACTERS_AT_ONCE = 200_000
_WORD = re.compile(r"[^\W_]")

Count = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines `first` to `last` (1-based, inclusive) of the document's text.

    `text` is these lines. When the last one is too long, it is a part of it, with the headings above it in the first
    part: then `offset` says at which character of the line the part begins, and is None otherwise. `locations` are the
    places in the file of `text`, each with the first and the last line that it covers; empty when these are lines of
    the file itself. `context` is what the reader knows of the surroundings, such as column names. `embedded` is what
    the model reads, and `digest` stands for that text and for what it is embedded with.
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
        """Cut the document; every line with a word is in at least one chunk, and every chunk has a word."""
        return list(self.chunks(document))

    def chunks(self, document: Document) -> Iterator[Chunk]:
        """Yield the chunks in order, each made when it is asked for."""
        lines, title = document.lines, document.title[:MAX_HEADING_CHARACTERS]
        for batch in _batches(sections(document.blocks)):
            blocks = [block for section in batch for block in section.blocks]
            contexts = self._contexts({block.context for block in blocks})
            headings = list({title, *(heading for section in batch for heading in section.embedded)})
            tokens = dict(zip(headings, self._sizes(headings), strict=True))
            sizes = self._sizes(_whole(lines, block) for block in blocks)
            for section in batch:
                prefix, taken = heading_path(title, section.embedded, tokens)
                room = self._room - taken
                of_section = list(islice(sizes, len(section.blocks)))
                yield from self._section(lines, section, of_section, contexts, prefix, room, title)

    def _contexts(self, texts: set[str]) -> dict[str, tuple[str, int]]:
        """Return each context, cut to its limits, with its token count."""
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
        section: Section,
        sizes: list[int],
        contexts: Mapping[str, tuple[str, int]],
        prefix: str,
        room: int,
        title: str,
    ) -> Iterator[Chunk]:
        reserved = max((contexts[block.context][1] for block in section.blocks), default=0)
        budget = max(MIN_CONTENT_TOKENS, min(MAX_CONTENT_TOKENS, room - reserved - _MARGIN_TOKENS))
        # Hits show the title apart from the headings, so it is not repeated.
        heading = SEPARATOR.join(section.headings[section.headings[:1] == (title,) :])[: 2 * MAX_HEADING_CHARACTERS]
        parts = self._parts(lines, section.blocks, sizes, budget)
        for group in pack(section.blocks, parts, budget):
            context = [contexts[text] for text in dict.fromkeys(atom.block.context for atom in group)]
            chunk = self._chunk(group, lines, prefix, _joined(context, reserved), heading)
            if _WORD.search(chunk.text):
                yield chunk

    def _parts(self, lines: list[str], blocks: list[Block], sizes: list[int], budget: int) -> list[Parts]:
        """Measure the blocks of a section; the first text leaves room for the headings above it."""
        headings = opening(blocks, sizes, budget)
        parts = []
        for block, size in zip(blocks, sizes, strict=True):
            parts.append(self._part(lines, block, size, budget if block.level else budget - headings))
            headings = headings if block.level else 0
        return parts

    def _part(self, lines: list[str], block: Block, size: int, budget: int) -> Parts:
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
        """Return (start, end) of overlapping parts of a line, of about equal length, each within the budget."""
        parts = math.ceil(tokens / (budget * 0.8))
        while True:
            spans = cut_line(line, parts)
            most = max(self._sizes(line[start:end] for start, end in spans))
            if most <= budget or parts >= len(line):
                return spans
            # Equal in characters, even if the tokens of the line are of unequal length.
            parts = max(parts + 1, min(len(line), math.ceil(parts * most / budget)))

    def _chunk(self, group: list[Atom], lines: list[str], prefix: str, context: list[str], heading: str) -> Chunk:
        first, last = group[0].first, group[-1].last
        start = group[-1].start
        ending = lines[last - 1] if start is None else lines[last - 1][start : group[-1].end]
        text = "\n".join([*lines[first - 1 : last - 1], ending])
        around = "\n".join(part for part in context if part not in text)
        embedded = "\n".join(part for part in (prefix, around, text) if part)
        digest = hashlib.blake2b(f"{self._embedding_space}\n{embedded}".encode(), digest_size=16).hexdigest()
        return Chunk(first, last, heading, text, embedded, digest, around, _locations(group), start)


def _locations(group: list[Atom]) -> tuple[tuple[int, int, Location], ...]:
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


def _batches(found: Iterable[Section]) -> Iterator[list[Section]]:
    """Group the sections, so that one call counts the tokens of many blocks."""
    batch: list[Section] = []
    blocks = 0
    for section in found:
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


def _joined(contexts: Iterable[tuple[str, int]], limit: int) -> list[str]:
    """Join the contexts in order as far as they fit into `limit` tokens."""
    kept = []
    for text, size in contexts:
        limit -= size
        if text and limit >= 0:
            kept.append(text)
    return kept
