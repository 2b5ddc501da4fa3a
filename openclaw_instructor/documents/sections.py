"""Group the blocks of a document into sections, each under its path of headings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block

MAX_PREFIX_TOKENS = 48
SEPARATOR = " > "
_SEPARATOR_TOKENS = 2


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks with their path of headings, as shown in hits and as embedded."""

    headings: tuple[str, ...]
    embedded: tuple[str, ...]
    blocks: list[Block]


def sections(blocks: Sequence[Block]) -> Iterator[Section]:
    """Yield the sections in order; headings with nothing between them open one section together."""
    section: Section | None = None
    path: list[tuple[int, str, str]] = []
    for block in blocks:
        if not block.level:
            if section is None:
                section = Section((), (), [])
            section.blocks.append(block)
            continue
        deeper = not path or block.level > path[-1][0]
        shown, read = (text[:MAX_HEADING_CHARACTERS] for text in (block.heading, block.heading_words or block.heading))
        path = [*(above for above in path if above[0] < block.level), (block.level, shown, read)]
        headings = tuple(above for _, above, _ in path if above)
        embedded = tuple(above for _, _, above in path if above)
        bare = section is not None and all(before.level for before in section.blocks)
        if section is not None and bare and deeper:
            section = Section(headings, embedded, [*section.blocks, block])
        else:
            if section is not None:
                yield section
            section = Section(headings, embedded, [block])
    if section is not None:
        yield section


def heading_path(title: str, headings: tuple[str, ...], tokens: Mapping[str, int]) -> tuple[str, int]:
    """Return what is embedded before a section's text, with its token count.

    Title and headings if they fit into MAX_PREFIX_TOKENS, else the last heading, else nothing.
    """
    path = headings if not title or title in headings[:1] else (title, *headings)
    for start in dict.fromkeys((0, len(path) - 1)) if path else ():
        chosen = path[start:]
        size = sum(tokens[heading] for heading in chosen) + _SEPARATOR_TOKENS * (len(chosen) - 1)
        if size <= MAX_PREFIX_TOKENS:
            return SEPARATOR.join(chosen), size
    return "", 0
