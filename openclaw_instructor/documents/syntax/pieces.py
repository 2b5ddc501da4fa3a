"""Cut a syntax tree into pieces, as cAST does (https://arxiv.org/abs/2506.15655).

Nodes that are too large are split into their children, small siblings are merged; sizes are characters that are not
white space. Each piece is whole lines, all of them together are the file, and a piece knows the definitions around it
and in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from openclaw_instructor.documents.document import Block
from openclaw_instructor.documents.syntax.definitions import COMMENTS, children_of, definition_of, spoken
from openclaw_instructor.documents.syntax.languages import Language

if TYPE_CHECKING:
    from tree_sitter import Node

# The size of a chunk, 240 tokens at 2.1 characters of code each.
MAX_CHARACTERS = 500
# The more definitions share a passage, the worse each of them is found.
MERGED_CHARACTERS = 300
# A smaller rest without a name, such as the first line of a class, joins the piece next to it.
MIN_CHARACTERS = 64
_MAX_SCOPES = 4
_MAX_SCOPE_CHARACTERS = 100
_MAX_LABELS_CHARACTERS = 100
_WORD = re.compile(r"\w")
# Nodes that are always split into their children, whatever their size.
_TRANSPARENT = frozenset(
    (
        *("ERROR", "declarations", "imports", "linkage_specification", "preproc_ifdef", "preproc_if", "preproc_else"),
        *("namespace_definition", "namespace_declaration", "internal_module", "mod_item", "module"),
    )
)


@dataclass(frozen=True)
class Unit:
    """Lines `first` to `last` that are not split further.

    A definition has a `label`. `scope` names the definitions around it, outermost first. A `leading` unit belongs to
    what follows, as comments do.
    """

    first: int
    last: int
    scope: tuple[str, ...]
    label: str = ""
    leading: bool = False


@dataclass
class _Piece:
    """Units that stay together, with the definitions around them."""

    scope: tuple[str, ...]
    units: list[Unit]

    @property
    def heading(self) -> str:
        """The scope and what is defined here: `class Store > def add, def remove`."""
        labels = list(dict.fromkeys(unit.label for unit in self.units if unit.label))
        while len(labels) > 1 and sum(map(len, labels)) > _MAX_LABELS_CHARACTERS:
            labels[-2:] = ["..."]
        scope = list(self.scope)
        while scope and len(" > ".join(scope)) > _MAX_SCOPE_CHARACTERS:
            del scope[0]
        return " > ".join([*scope, ", ".join(labels)] if labels else scope)


@dataclass
class _Part:
    """A child of a node, or several that share lines, represented by the largest."""

    node: Node
    first: int
    last: int
    height: int
    leading: bool


def blocks(root: Node, source: bytes, lines: Sequence[str], language: Language) -> list[Block]:
    """Return the pieces of a file as blocks: each begins with a heading block and holds a block for each unit in it."""
    splitter = _Splitter(source, lines, language)
    pieces = _without_scraps(_merged(_led(splitter.units(root), lines), splitter), splitter)
    return [block for piece in pieces for block in _as_blocks(piece, lines)]


class _Splitter:
    def __init__(self, source: bytes, lines: Sequence[str], language: Language) -> None:
        self.source = source
        self.lines = lines
        self.language = language
        self.leading = COMMENTS | language.leading
        self._sums = [0, *accumulate(len("".join(line.split())) for line in lines)]

    def size(self, first: int, last: int) -> int:
        return self._sums[last] - self._sums[first - 1]

    def merge(self, first: Unit, last: Unit) -> bool:
        """Whether the code from one unit to another is small enough for one piece."""
        return self.size(first.first, last.last) <= MERGED_CHARACTERS

    def is_scrap(self, units: Sequence[Unit]) -> bool:
        """Whether these consecutive units define nothing and are tiny."""
        if any(unit.label for unit in units):
            return False
        first, last = units[0].first, units[-1].last
        return self.size(first, last) < MIN_CHARACTERS or not any(map(_WORD.search, self.lines[first - 1 : last]))

    def units(self, root: Node) -> Iterator[Unit]:
        """Yield the units in order. A stack and not a recursion, because generated code may nest without end."""
        stack = self._children(root, 1, len(self.lines), ())
        while stack:
            unit, node = stack.pop()
            if node is None or (self._fits(unit) and node.type not in _TRANSPARENT):
                yield unit
                continue
            scope = (*unit.scope, unit.label)[-_MAX_SCOPES:] if unit.label else unit.scope
            children = self._children(node, unit.first, unit.last, scope)
            if children:
                stack += children
            else:
                yield unit

    def _fits(self, unit: Unit) -> bool:
        return self.size(unit.first, unit.last) <= MAX_CHARACTERS

    def _children(self, node: Node, first: int, last: int, scope: tuple[str, ...]) -> list[tuple[Unit, Node | None]]:
        """Split lines `first` to `last`; the last part comes first, and each reaches to the next one."""
        parts = list(self._parts(node, first, last))
        children: list[tuple[Unit, Node | None]] = []
        for part in reversed(parts):
            found = definition_of(part.node, self.language, self.source)
            unit = Unit(part.first, last, scope, found[1] if found else "", part.leading)
            children.append((unit, found[0] if found else part.node))
            last = part.first - 1
        if children and last >= first:
            # Lines before the first child, such as a brace on a line of its own.
            children.append((Unit(first, last, scope), None))
        return children

    def _parts(self, node: Node, first: int, last: int) -> Iterator[_Part]:
        held: _Part | None = None
        for child in children_of(node):
            begin, end = child.start_point.row + 1, child.end_point.row + 1
            end -= child.end_point.column == 0 and end > begin
            begin, end = max(begin, first), min(end, last)
            if begin > end:
                continue
            part = _Part(child, begin, end, end - begin, child.type in self.leading)
            if held is None or begin > held.last:
                if held is not None:
                    yield held
                held = part
                continue
            larger = part if part.height > held.height or held.leading else held
            held = replace(larger, first=held.first, last=max(held.last, end))
        if held is not None:
            yield held


def _led(units: Iterator[Unit], lines: Sequence[str]) -> Iterator[Unit]:
    """Join comments to the unit that stands directly below them."""
    held: Unit | None = None
    for unit in units:
        if held is not None and held.leading and lines[unit.first - 2].strip():
            unit = replace(unit, first=held.first)
        elif held is not None:
            yield held
        held = unit
    if held is not None:
        yield held


def _merged(units: Iterator[Unit], splitter: _Splitter) -> list[_Piece]:
    """Join units of one scope as long as they are small.

    Code that defines nothing is joined at any length, because the chunker cuts it best.
    """
    pieces: list[_Piece] = []
    defines = False
    for unit in units:
        piece = pieces[-1] if pieces else None
        defines = defines or bool(unit.label)
        if piece is None or piece.scope != unit.scope or (defines and not splitter.merge(piece.units[0], unit)):
            pieces.append(_Piece(unit.scope, [unit]))
            defines = bool(unit.label)
        else:
            piece.units.append(unit)
    return pieces


def _without_scraps(pieces: list[_Piece], splitter: _Splitter) -> list[_Piece]:
    """Join tiny pieces to the definition that they open, else to the piece before them."""
    kept: list[_Piece] = []
    opening: list[Unit] = []
    for number, piece in enumerate(pieces):
        units = opening + piece.units
        opening = []
        if not splitter.is_scrap(units):
            kept.append(_Piece(piece.scope, units))
        elif number + 1 < len(pieces) and pieces[number + 1].scope[: len(piece.scope)] == piece.scope:
            opening = units
        elif kept:
            kept[-1].units.extend(units)
        else:
            kept.append(_Piece(piece.scope, units))
    return kept


def _as_blocks(piece: _Piece, lines: Sequence[str]) -> Iterator[Block]:
    """Yield the units of a piece without the blank lines around them; the first one carries the heading."""
    level, heading = 1, piece.heading
    words = spoken(heading)
    for unit in piece.units:
        written = [number for number in (unit.first, unit.last) if lines[number - 1].strip()]
        if len(written) < 2:
            written = [number for number in range(unit.first, unit.last + 1) if lines[number - 1].strip()]
        if written:
            yield Block(written[0], written[-1], level, heading, heading_words=words)
            level, heading, words = 0, "", ""
