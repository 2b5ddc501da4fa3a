"""Pack the blocks of a section into chunks of about equal size, each within a budget of tokens.

A block stays whole where it fits. A longer one is cut between lines, and a line only where it alone is too long. The
headings that open a section are no chunk without the text below them, unless they leave it less than half of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeAlias

from openclaw_instructor.documents.document import Block

# Each chunk repeats up to one eighth of the one before.
_OVERLAP_SHARE = 8
# The tokens of a block that stays whole; else of each of its lines, or where a line that is too long is cut.
Parts: TypeAlias = int | list[int | list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Atom:
    """The smallest unit of packing: a block, a line of a long block, or characters `start` to `end` of a long line."""

    block: Block
    first: int
    last: int
    tokens: int
    start: int | None = None
    end: int = 0


def pack(blocks: Sequence[Block], parts: Sequence[Parts], budget: int) -> Iterator[list[Atom]]:
    """Yield the atoms of each chunk of a section; `parts` are the measured blocks, `budget` is in tokens."""
    return _balanced(_packed(_atoms(blocks, parts, budget), _total(parts, budget), budget), budget)


def opening(blocks: Sequence[Block], sizes: Sequence[int], budget: int) -> int:
    """Return the tokens of the headings that open a section; 0 where they would leave less than half to the text."""
    headings = takewhile(lambda measured: measured[0].level, zip(blocks, sizes, strict=True))
    tokens = sum(size for _, size in headings)
    return tokens if _leaves_room(tokens, budget) else 0


def _leaves_room(headings: int, budget: int) -> bool:
    return headings <= budget // 2


def _total(parts: Sequence[Parts], budget: int) -> int:
    """Add up the tokens of all parts; a piece of a line counts as a whole budget."""
    sizes = [part for block in parts for part in (block if isinstance(block, list) else [block])]
    return sum(part if isinstance(part, int) else budget * len(part) for part in sizes)


def _atoms(blocks: Sequence[Block], parts: Sequence[Parts], budget: int) -> Iterator[Atom]:
    for block, cut in zip(blocks, parts, strict=True):
        if isinstance(cut, int):
            yield Atom(block, block.first, block.last, cut)
            continue
        for line, part in enumerate(cut, start=block.first):
            if isinstance(part, int):
                yield Atom(block, line, line, part)
            else:
                yield from (Atom(block, line, line, budget, start, end) for start, end in part)


def _packed(atoms: Iterable[Atom], total: int, budget: int) -> Iterator[list[Atom]]:
    """Group the atoms evenly within the budget; each group begins with a little of the one before."""
    repeated = budget // _OVERLAP_SHARE
    parts = 1 if total <= budget else math.ceil((total - repeated) / (budget - repeated))
    target = math.ceil(total / parts)
    group: list[Atom] = []
    size = fresh = 0
    for atom in atoms:
        full = atom.start is not None or size + atom.tokens > budget or fresh >= target
        if group and full and not _belong_together(group, size, atom, budget):
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


def _belong_together(group: list[Atom], size: int, atom: Atom, budget: int) -> bool:
    """Whether the group is just the headings above the atom, for which `opening` kept room."""
    headings = all(member.block.level for member in group)
    return headings and not atom.block.level and _leaves_room(size, budget)


def _balanced(groups: Iterable[list[Atom]], budget: int) -> Iterator[list[Atom]]:
    """Even out the last two groups when the last one is far smaller."""
    last: list[list[Atom]] = []
    for group in groups:
        last.append(group)
        if len(last) > 2:
            yield last.pop(0)
    if len(last) == 2 and all(atom.start is None for group in last for atom in group):
        sizes = [sum(atom.tokens for atom in group) for group in last]
        if sizes[1] < sizes[0] // 2:
            last = _halves(list(dict.fromkeys(last[0] + last[1])), budget) or last
    yield from last


def _halves(atoms: list[Atom], budget: int) -> list[list[Atom]]:
    """Split the atoms into one group if they fit, else two as even as possible, none of them just headings.

    Returns no group if not even two fit.
    """
    total = sum(atom.tokens for atom in atoms)
    if total <= budget:
        return [atoms]
    best, best_difference, left = 0, total, 0
    for number, atom in enumerate(atoms[:-1], start=1):
        left += atom.tokens
        if atom.block.level:
            continue
        if max(left, total - left) <= budget and abs(total - 2 * left) < best_difference:
            best, best_difference = number, abs(total - 2 * left)
    return [atoms[:best], atoms[best:]] if best else []


def _overlap(group: list[Atom], limit: int) -> list[Atom]:
    """Return the last atoms of a group, which the next group repeats; never all of it."""
    kept: list[Atom] = []
    for atom in reversed(group[1:]):
        limit -= atom.tokens
        if limit < 0 or atom.start is not None:
            break
        kept.insert(0, atom)
    return kept


def cut_line(line: str, parts: int) -> list[tuple[int, int]]:
    """Return (start, end) of `parts` overlapping parts of about equal length, cut at blanks where one is near."""
    length = len(line) / parts
    ends = [_blank_near(line, round(length * number), int(length / 4)) for number in range(1, parts)]
    ends = [end for end, before in zip(ends, [0, *ends], strict=False) if end > before] + [len(line)]
    starts = [_blank_near(line, end - int(length / _OVERLAP_SHARE), int(length / (2 * _OVERLAP_SHARE))) for end in ends]
    return list(zip([0, *starts[:-1]], ends, strict=True))


def _blank_near(line: str, wanted: int, reach: int) -> int:
    """Return the position behind the blank nearest to `wanted`, or `wanted` if none is within `reach` characters."""
    before = line.rfind(" ", max(0, wanted - reach), wanted) + 1
    after = line.find(" ", wanted, wanted + reach) + 1
    near = [place for place in (before, after) if place > 0]
    return min(near, key=lambda place: abs(place - wanted), default=wanted)
