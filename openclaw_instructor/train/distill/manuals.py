"""Collect technical English: the sections of Markdown and reStructuredText manuals in a folder."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from openclaw_instructor.documents.reading import read

LONGEST = 1_100  # characters of a section
_SHORTEST = 120
_LARGEST_FILE = 1_000_000  # bytes: longer ones are generated
_PASSED_OVER = {"CHANGELOG.md", "CODE_OF_CONDUCT.md", "LICENSE.md"}


def read_manuals(
    folders: Sequence[Path], limit: int = 24_000, seed: int = 1
) -> tuple[list[str], list[tuple[str, str]]]:
    """Collect sections with an uninformative heading, and pairs of heading and section; `limit` of both in all."""
    texts: dict[str, None] = {}
    pairs: dict[str, str] = {}
    for path in [path for folder in folders for path in _manuals(folder)]:
        for heading, body in _sections(path):
            if " " in heading and body not in texts:
                pairs.setdefault(heading, body)
            texts[body] = None
    chance = random.Random(seed)
    chosen = chance.sample(list(texts), min(limit, len(texts)))
    kept = set(chosen)
    headed = [(heading, body) for heading, body in pairs.items() if body in kept]
    with_heading = {body for _, body in headed}
    chance.shuffle(headed)
    return [text for text in chosen if text not in with_heading], headed


def _manuals(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".md", ".rst") and path.is_file())
    return [path for path in files if path.name not in _PASSED_OVER and path.stat().st_size < _LARGEST_FILE]


def _sections(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (title and heading, text) of each section that is long enough, cut at `LONGEST`."""
    document = read(path.read_bytes(), path)
    lines = document.lines
    headings = [block for block in document.blocks if block.level]
    for block, following in zip_longest(headings, headings[1:]):
        end = following.first - 1 if following else len(lines)
        body = " ".join("\n".join(lines[block.last : end]).split())[:LONGEST]
        if len(body) >= _SHORTEST and body.isascii():
            heading = block.heading if block.heading == document.title else f"{document.title} {block.heading}".strip()
            yield heading, body
