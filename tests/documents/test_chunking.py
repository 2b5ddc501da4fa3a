"""Where passages begin and end."""

from __future__ import annotations

import itertools
import re
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.documents.chunking import MAX_CONTENT_TOKENS, MAX_CONTEXT_CHARACTERS, Chunk, Chunker
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Block, Document, Location
from openclaw_instructor.documents.reading import read
from openclaw_instructor.testing import WordEmbedder

count = WordEmbedder().count


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


def test_front_matter_gives_the_title_and_is_part_of_the_first_passage() -> None:
    first, second = split("---\ntitle: My  page\ntags: [x]\n---\n# Heading\n\nText.\n\n# Other\n\nMore.\n")
    assert (first.first, first.last, first.heading) == (1, 7, "Heading")
    assert first.embedded.startswith("My page > Heading\n---\ntitle")
    assert (second.first, second.heading) == (9, "Other")


def test_long_front_matter_and_one_without_a_text_are_passages_of_their_own() -> None:
    fields = "\n".join(f"field{number}: value" for number in range(20))
    assert [(c.first, c.last) for c in split(f"---\n{fields}\n---\n# Heading\n\nText.\n")] == [(1, 22), (23, 25)]
    assert [(c.first, c.last) for c in split("---\ntags: [x]\n---\n")] == [(1, 3)]
    assert [(c.first, c.last) for c in split("---\ntags: [x]\n---\nJust text.\n")] == [(1, 4)]


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
    assert joined(pieces) == line
    assert len(pieces) > 4
    for before, after in itertools.pairwise(pieces):
        assert before.offset is not None
        assert after.offset is not None
        assert before.offset + len(before.text) > after.offset
    assert max(count([c.text])[0] for c in pieces) <= MAX_CONTENT_TOKENS
    assert (chunks[0].text, chunks[-1].text) == ("short", "end")


def joined(pieces: list[Chunk]) -> str:
    """The line that overlapping pieces of it make."""
    line = ""
    for piece in pieces:
        assert piece.offset is not None
        assert line[piece.offset :] == piece.text[: len(line) - piece.offset]
        line = line[: piece.offset] + piece.text
    return line


def test_a_line_without_spaces_is_split_too() -> None:
    line = "a." * 1_000
    assert joined(split(line, ".txt")) == line


@pytest.mark.parametrize("text", ["...\n\n---\n", "# \n", "---\n---\n", "." * 5_000, "| --- |\n" * 500])
def test_no_passage_is_without_a_word(text: str) -> None:
    assert split(text) == []


@pytest.mark.parametrize("length", range(230, 1_000, 13))
def test_no_piece_of_a_line_is_a_scrap(length: int) -> None:
    for line in (words(length), "x." * length, words(length // 2) + " " + "y," * (length // 2)):
        sizes = [len(c.text) for c in split(line, ".txt")]
        assert min(sizes) * 3 > max(sizes), sizes


@pytest.mark.parametrize("tail", [1, 5, 20])
def test_the_last_part_of_a_section_is_no_scrap(tail: int) -> None:
    text = "\n\n".join([words(100), words(130), words(tail)])
    sizes = [count([c.text])[0] for c in split(text, ".txt")]
    assert min(sizes) * 2 >= max(sizes)


def test_long_headings_do_not_eat_the_budget() -> None:
    long = "x, " * 60
    chunks = split(f"# {long}\n\nintro\n\n## Short\n\ntext\n")
    assert chunks[1].embedded == "Short\n## Short\n\ntext"
    assert chunks[0].embedded == chunks[0].text
    (chunk,) = split(f"# {words(1_000)}\n\nintro\n")[-1:]
    assert len(chunk.embedded) - len(chunk.text) <= 1 + MAX_HEADING_CHARACTERS


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
        assert any(character.isalnum() for character in chunk.text)
        if chunk.offset is None:
            assert chunk.text == "\n".join(lines[chunk.first - 1 : chunk.last])
            covered |= {number: lines[number - 1] for number in range(chunk.first, chunk.last + 1)}
        else:
            *above, part = chunk.text.split("\n")
            assert above == lines[chunk.first - 1 : chunk.last - 1]
            assert not above or chunk.offset == 0
            covered |= dict(enumerate(above, start=chunk.first))
            covered[chunk.last] = covered.get(chunk.last, "")[: chunk.offset] + part
    for number, line in enumerate(lines, start=1):
        if any(character.isalnum() for character in line):
            assert covered[number] == line


@pytest.mark.parametrize("length", [*range(215, 260, 3), 500, 3_000])
@pytest.mark.parametrize(
    "headings", ["## Procedure", "# Manual\n\n## Procedure", f"# {words(15)}\n\n## {words(15, 'x')}"]
)
def test_a_heading_is_no_chunk_without_the_text_below_it(headings: str, length: int) -> None:
    one_line, wrapped = words(length), re.sub("((?:[^ ]+ ){12})", r"\1\n", words(length))
    for text in (one_line, wrapped, f"```\n{wrapped}\n```", f"- {one_line}"):
        chunks = split(f"{headings}\n\n{text}\n\n## Next\n\nend\n")
        assert chunks[0].text.startswith(f"{headings.strip()}\n\n{text[:20]}")
        assert max(count([c.text])[0] for c in chunks) <= MAX_CONTENT_TOKENS
        assert [c.text for c in chunks[-1:]] == ["## Next\n\nend"]


def test_headings_longer_than_half_a_chunk_leave_the_text_its_room() -> None:
    headings = f"# {words(14)}\n\n## {words(14, 'x')}"
    text = " ".join(f"t{number}" for number in range(50))
    assert [c.text for c in split(f"{headings}\n\n{text}\n", room=86)] == [headings, text]
    assert split(f"{headings}\n\n{text}\n", room=102)[0].text.startswith(f"{headings}\n\nt0 t1")


@given(st.lists(st.integers(0, 60).map(words), max_size=30))
def test_no_chunk_is_longer_than_the_budget(lines: list[str]) -> None:
    assert all(count([c.text])[0] <= 46 for c in split("\n".join(lines), ".txt", room=50))


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_line_numbers_do_not_depend_on_line_ends(ending: str) -> None:
    text = "one\n\ntwo\x0b\x0cstill two\u2028and still\n\nfour"
    assert [(c.first, c.last) for c in split(re.sub("\n", ending, text), ".txt")] == [(1, 5)]


def pages(*texts: str, context: str = "") -> Document:
    """One block a page."""
    blocks = [Block(n, n, location=Location("page", n, n), context=context) for n in range(1, len(texts) + 1)]
    return Document(list(texts), blocks)


def cut(document: Document, room: int = 500) -> list[Chunk]:
    return Chunker(count, room, "space").split(document)


def test_a_chunk_knows_the_place_of_each_of_its_lines_in_the_file() -> None:
    (chunk,) = cut(pages("one", "two", "three"))
    assert str(chunk.location) == "pages 1-3"
    assert [(first, last, str(place)) for first, last, place in chunk.locations] == [
        (1, 1, "page 1"),
        (2, 2, "page 2"),
        (3, 3, "page 3"),
    ]
    parts = cut(pages(*(words(100, f"p{page}_") for page in range(1, 9))))
    assert [str(part.location) for part in parts] == ["pages 1-2", "pages 3-4", "pages 5-6", "pages 7-8"]


def test_lines_of_a_text_are_its_location() -> None:
    assert [str(chunk.location) for chunk in split("one\n\ntwo\n", ".txt")] == ["lines 1-3"]


def test_what_surrounds_a_block_is_embedded_before_every_part_of_it_and_is_no_part_of_the_text() -> None:
    rows = [f"| P-{number} | bolt | {number} |" for number in range(200)]
    table = Document(rows, [Block(1, len(rows), context="Part | Name | Price")], "Stock")
    chunks = cut(table)
    assert len(chunks) > 3
    for chunk in chunks:
        assert chunk.context == "Part | Name | Price"
        assert chunk.embedded == f"Stock\nPart | Name | Price\n{chunk.text}"
        assert "Name" not in chunk.text


def test_what_the_text_says_itself_is_not_embedded_twice() -> None:
    lines = ["| Part | Name |", "| --- | --- |", "| P-1 | bolt |"]
    (chunk,) = cut(Document(lines, [Block(1, 3, context="| Part | Name |")]))
    assert (chunk.context, chunk.embedded) == ("", chunk.text)


def test_a_context_without_end_leaves_room_for_the_text() -> None:
    chunks = cut(pages(words(2_000), words(10), context=words(50_000, "column")), room=200)
    assert all(0 < len(chunk.context) <= MAX_CONTEXT_CHARACTERS for chunk in chunks)
    assert max(count([chunk.embedded])[0] for chunk in chunks) <= 200


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 30)), min_size=1, max_size=20), st.integers(60, 300))
def test_with_contexts_no_chunk_is_longer_than_what_the_model_reads(sizes: list[tuple[int, int]], room: int) -> None:
    lines = [words(size) for size, _ in sizes]
    blocks = [Block(n, n, context=words(context, "around")) for n, (_, context) in enumerate(sizes, start=1)]
    assert all(count([chunk.embedded])[0] <= room for chunk in cut(Document(lines, blocks), room))
