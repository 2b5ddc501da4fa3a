"""Files that repeat something without end take memory and work in proportion to their size."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePath

import pytest

from openclaw_instructor.documents.builder import MAX_BLOCKS, DocumentBuilder
from openclaw_instructor.documents.chunking import MAX_CHUNKS, Chunk, Chunker
from openclaw_instructor.documents.document import Block, Document
from openclaw_instructor.documents.encoding import MAX_LINES
from openclaw_instructor.documents.reading import read
from openclaw_instructor.testing import WordEmbedder
from tests.documents.hostile_texts import CASES

count = WordEmbedder().count
MEGABYTE = 1_000_000
ROOT = Path(__file__).parents[2]

HOSTILE = {
    "a long first heading over many sections": "# " + "word " * 20_000 + "\n\n" + "## s\n\nx\n\n" * 4_000,
    "headings only": "".join(f"# h{number}\n" for number in range(10_000)),
    "fences": "```\nx\n```\n" * 10_000,
    "a table": "| Part | Name |\n|---|---|\n" + "".join(f"| P-{n} | gasket {n % 97} |\n" for n in range(8_000)),
    "one line": " ".join(f"w{number}" for number in range(25_000)),
    "one word": "ab3" * 60_000,
    "short lines": "".join(f"{number}\n" for number in range(25_000)),
    "deep headings": "".join("#" * (number % 6 + 1) + f" {number} {'deep ' * 30}\n\nx\n\n" for number in range(1_500)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_memory_is_in_proportion_to_the_file(text: str) -> None:
    counted = 0

    def counting(texts: Sequence[str]) -> list[int]:
        nonlocal counted
        counted += sum(map(len, texts))
        return [len(each) // 4 + 1 for each in texts]

    data = text.encode()
    tracemalloc.start()
    chunks = list(islice(Chunker(counting, 500, "space").chunks(read(data, PurePath("x.md"))), MAX_CHUNKS + 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * len(data) + 10 * MEGABYTE
    assert counted < 6 * len(data)
    assert len(chunks) <= MAX_CHUNKS + 1


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")
def test_texts_of_every_format_keep_within_their_memory_and_time() -> None:
    command = [sys.executable, "-m", "tests.documents.hostile_texts"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert len(done.stdout.splitlines()) == len(CASES)


def test_what_is_left_out_of_a_long_text_is_said() -> None:
    assert read(b"\n" * (MAX_LINES + 1), PurePath("a.txt")).notes == [f"only its first {MAX_LINES:,} lines are read"]
    assert read(b"\n" * MAX_LINES, PurePath("a.txt")).notes == []
    builder = DocumentBuilder()
    for _ in range(MAX_BLOCKS + 1):
        builder.paragraph("a")
    document = builder.document()
    assert len(document.blocks) == MAX_BLOCKS
    assert document.notes == [f"only its first {MAX_BLOCKS:,} paragraphs and rows are read"]


def test_a_context_that_every_block_repeats_is_held_once() -> None:
    context = "column " * 20_000
    lines = [f"row {number}" for number in range(20_000)]
    document = Document(lines, [Block(n, n, context=context) for n in range(1, len(lines) + 1)])
    tracemalloc.start()
    chunks = Chunker(count, 500, "space").split(document)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * MEGABYTE
    assert sum(len(chunk.embedded) for chunk in chunks) < 3 * sum(map(len, lines))


def test_chunks_are_made_when_they_are_asked_for() -> None:
    made: list[Chunk] = []
    document = read(b"# a\n\ntext\n\n" * 100_000, PurePath("x.md"))
    asked: list[int] = []

    def counting(texts: Sequence[str]) -> list[int]:
        asked.append(len(texts))
        return count(texts)

    made += islice(Chunker(counting, 500, "space").chunks(document), 5)
    assert len(made) == 5
    assert sum(asked) < 5_000
