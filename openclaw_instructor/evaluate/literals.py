"""Make retrieval sets of literals: is the one passage that has a code, a number or a rare word found by it.

    python -m openclaw_instructor.evaluate.literals MANUALS OUT
    openclaw-instructor evaluate OUT --json

MANUALS is a folder of Markdown, reStructuredText and plain text, such as the manuals that a package ships. OUT gets
the set `literals-alone`, whose queries are literals that stand in exactly one passage, and `literals-asked`, which asks
`what is X?` of the same. `recall_at_1` and `recall_at_5` of the result say how often the passage is first and among
five.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from openclaw_instructor.documents.chunking import Chunker
from openclaw_instructor.documents.reading import read
from openclaw_instructor.errors import InvalidData, UnreadableSource

SUFFIXES = (".md", ".rst", ".txt")
# Shapes of literals; what has marks may hold a shorter literal, which is then not alone.
SHAPES = {
    "code": re.compile(r"(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{4,24}"),
    "number": re.compile(r"[0-9]{4,12}"),
    "word": re.compile(r"[a-z]{5,20}"),
    "marked": re.compile(r"--?[a-z][a-z0-9-]{3,30}|[a-z0-9]+(?:[-._/:][a-z0-9]+){1,5}"),
}
_TOKEN = re.compile(r"(?<![\w./:-])[\w./:-]*\w(?![\w/:-])")
_PART = re.compile(r"[^\W_]+")
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PIECE = re.compile(r"\w+|[^\w\s]")
_ROOM = 300
_LARGEST_FILE = 300_000  # bytes: longer ones are generated


def passages(folder: Path, limit: int) -> list[str]:
    """Cut the manuals below a folder into passages, `limit` of them drawn at random. Raises InvalidData if none is."""
    chunker = Chunker(lambda texts: [len(_PIECE.findall(text)) for text in texts], _ROOM, "literals")
    found: dict[str, None] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file() and path.stat().st_size < _LARGEST_FILE:
            try:
                found |= dict.fromkeys(chunk.text for chunk in chunker.split(read(path.read_bytes(), path)))
            except UnreadableSource:
                continue
    if not found:
        raise InvalidData(f"{folder}: no {', '.join(SUFFIXES)} with text below it; give a folder of manuals")
    return random.Random(5).sample(list(found), min(limit, len(found)))  # noqa: S311


def literals(texts: Sequence[str], each: int) -> dict[str, int]:
    """Draw up to `each` literals of every shape that stand in one text only, whatever their case, with its number."""
    places: dict[str, set[int]] = defaultdict(set)
    for number, text in enumerate(texts):
        for token in _TOKEN.findall(text):
            for part in {
                token,
                *_PART.findall(token),
                *_PART.findall(_SEAM.sub(" ", token)),
                *re.findall(r"\w+", token),
            }:
                places[part.lower()].add(number)
    alone = {token: next(iter(numbers)) for token, numbers in sorted(places.items()) if len(numbers) == 1}
    drawn: dict[str, int] = {}
    for shape in SHAPES.values():
        pool = [token for token in alone if shape.fullmatch(token) and token not in drawn]
        chosen = random.Random(5).sample(pool, min(each, len(pool)))  # noqa: S311
        drawn |= {token: alone[token] for token in chosen}
    return drawn


def write(texts: Sequence[str], found: dict[str, int], out: Path) -> None:
    """Write both sets."""
    for name, form in (("literals-alone", "{}"), ("literals-asked", "what is {}?")):
        (out / name).mkdir(parents=True, exist_ok=True)
        _jsonl(out / name / "corpus.jsonl.gz", ({"id": str(n), "title": "", "text": t} for n, t in enumerate(texts)))
        queries = ({"id": str(number), "text": form.format(token)} for number, token in enumerate(found))
        _jsonl(out / name / "queries.jsonl.gz", queries)
        judged = "".join(f"{number}\t{place}\t1\n" for number, place in enumerate(found.values()))
        (out / name / "qrels.tsv").write_text(judged, encoding="utf-8")


def _jsonl(path: Path, rows: Iterator[dict[str, str]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the sets, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manuals", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--each", type=int, default=50, help="literals of each shape")
    parser.add_argument("--passages", type=int, default=3_500)
    options = parser.parse_args(arguments)
    texts = passages(options.manuals, options.passages)
    found = literals(texts, options.each)
    write(texts, found, options.out)
    sys.stdout.write(f"{len(texts)} passages, {len(found)} literals in {options.out}\n")


if __name__ == "__main__":
    main()
