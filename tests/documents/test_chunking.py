"""Where passages begin and end."""

from __future__ import annotations

import itertools
import re
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.documents.chunking import MAX_CONTENT_TOKENS, Chunk, Chunker
from openclaw_instructor.documents.reading import read
from tests.index.word_engine import WordPrompter

count = WordPrompter(0).count


def split(text: str, suffix: str = ".md", room: int = 500) -> list[Chunk]:
    return Chunker(count, room, "space").split(read(text.encode(), PurePath("file" + suffix)))


def words(number: int, word: str = "word") -> str:
    return " ".join(f"{word}{i}" for i in range(number))


def test_each_section_is_a_chunk_under_its_heading_path() -> None:
    chunks = split("# Tool\n\nIntro.\n\n## Install\n\nDo it.\n\n### Linux\n\nApt.\n\n## Use\n\nRun.\n")
    assert [(c.first, c.last, c.heading) for c in chunks] == [
        (1, 3, ""),
        (5, 7, "Install"),
        (9, 11, "Install > Linux"),
        (13, 15, "Use"),
    ]
    assert chunks[2].text == "### Linux\n\nApt."
    assert chunks[2].embedded == "Tool > Install > Linux\n### Linux\n\nApt."


def test_a_heading_with_nothing_below_it_opens_the_next_deeper_section() -> None:
    assert [(c.first, c.last, c.heading) for c in split("# A\n## B\n\ntext\n## C\n# D\nmore\n")] == [
        (1, 4, "B"),
        (5, 5, "C"),
        (6, 7, "D"),
    ]


def test_front_matter_gives_the_title_and_is_searchable() -> None:
    (front, body) = split("---\ntitle: My  page\ntags: [x]\n---\n# Heading\n\nText.\n")
    assert (front.first, front.last) == (1, 4)
    assert body.embedded.startswith("My page > Heading\n")
    assert body.heading == "Heading"


def test_code_that_fits_is_kept_whole_though_the_section_is_split() -> None:
    code = "```python\n" + "\n\n".join(words(20, f"line{i}_") for i in range(5)) + "\n# not a heading\n```"
    chunks = split(f"# T\n\n{words(200)}\n\n{code}\n\n{words(200)}\n")
    assert sum(code in c.text for c in chunks) == 1
    assert all(c.heading == "" for c in chunks)


def test_parts_of_a_split_section_are_of_like_size_and_overlap_a_little() -> None:
    lines = [words(10, f"line{number}_") for number in range(60)]
    chunks = split("\n".join(lines) + "\n", ".txt")
    assert len(chunks) == 3
    assert max(count([c.text])[0] for c in chunks) <= MAX_CONTENT_TOKENS
    assert min(count([c.text])[0] for c in chunks) > 150
    for before, after in itertools.pairwise(chunks):
        assert 0 < before.last - after.first + 1 <= 3


def test_a_line_longer_than_the_budget_is_split_without_loss() -> None:
    line = words(1_000) + " " + "x" * 50
    chunks = split(f"short\n\n{line}\n\nend", ".txt")
    pieces = [c for c in chunks if (c.first, c.last) == (3, 3)]
    assert "".join(c.text for c in pieces) == line
    assert len(pieces) > 4
    assert max(count([c.text])[0] for c in pieces) <= MAX_CONTENT_TOKENS
    assert (chunks[0].text, chunks[-1].text) == ("short", "end")


def test_a_line_without_spaces_is_split_too() -> None:
    line = "." * 2_000
    assert "".join(c.text for c in split(line, ".txt")) == line


def test_long_headings_do_not_eat_the_budget() -> None:
    chunks = split(f"# {words(100)}\n\nintro\n\n## Short\n\ntext\n")
    assert chunks[1].embedded == "Short\n## Short\n\ntext"
    assert chunks[0].embedded == chunks[0].text


def test_the_budget_follows_what_the_instruction_leaves() -> None:
    text = "\n\n".join(words(10, f"p{i}_") for i in range(30))
    assert max(count([c.embedded])[0] for c in split(text, ".txt", room=60)) <= 60


def test_the_digest_tells_texts_and_spaces_apart() -> None:
    document = read(b"same", PurePath("a.txt"))
    one, two = (Chunker(count, 500, space).split(document)[0].digest for space in ("a", "b"))
    assert one != two
    assert split("same", ".txt")[0].digest == split("\n\nsame", ".txt")[0].digest


def test_nothing_comes_of_nothing() -> None:
    assert split("") == []
    assert split("\n  \n\t\n") == []


LINE = st.one_of(
    st.sampled_from(
        ["", "", "# H", "## H2", "###### deep", "```", "- ```sh", "~~~~", "===", "---", "    code", "- item", "#"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60),
    st.integers(0, 120).map(words),
)


@given(st.lists(LINE, max_size=40), st.sampled_from([".md", ".txt", ".rst"]), st.integers(20, 80))
def test_every_written_line_is_in_a_chunk_that_says_exactly_its_lines(lines: list[str], suffix: str, room: int) -> None:
    text = "\n".join(lines)
    # A byte order mark that opens a file is no part of its text.
    lines = text.removeprefix("\ufeff").split("\n")
    covered: dict[int, str] = {}
    for chunk in split(text, suffix, room):
        whole = "\n".join(lines[chunk.first - 1 : chunk.last])
        if chunk.text == whole:
            covered |= {number: lines[number - 1] for number in range(chunk.first, chunk.last + 1)}
        else:
            assert chunk.first == chunk.last
            covered[chunk.first] = covered.get(chunk.first, "") + chunk.text
    for number, line in enumerate(lines, start=1):
        if line.strip():
            assert covered[number] == line


@given(st.lists(st.integers(0, 60).map(words), max_size=30))
def test_no_chunk_is_longer_than_the_budget(lines: list[str]) -> None:
    assert all(count([c.text])[0] <= 46 for c in split("\n".join(lines), ".txt", room=50))


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_line_numbers_do_not_depend_on_line_ends(ending: str) -> None:
    text = "one\n\ntwo\x0b\x0cstill two\u2028and still\n\nfour"
    assert [(c.first, c.last) for c in split(re.sub("\n", ending, text), ".txt")] == [(1, 5)]
