"""Blocks put together in reading order."""

from __future__ import annotations

import pytest

from openclaw_instructor.documents import builder as module
from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Block, Document, Location


def test_lines_are_numbered_and_blocks_parted_by_blank_lines() -> None:
    builder = DocumentBuilder()
    page = Location("page", 1, 1)
    builder.heading("A\nheading", 2, page)
    builder.paragraph("one\ntwo\n\nthree", page, "context")
    builder.paragraph("four", is_continued=True)
    builder.paragraph("  \n ")
    document = builder.document("T\nitle", {"author": "", "tags": ["a"]}, ["note"])
    assert document.lines == ["A heading", "", "one", "two", "", "three", "four"]
    assert document.blocks == [
        Block(1, 1, 2, "A heading", page),
        Block(3, 4, location=page, context="context"),
        Block(6, 6, location=page, context="context"),
        Block(7, 7),
    ]
    assert (document.title, document.metadata, document.notes) == ("T itle", {"tags": ["a"]}, ["note"])


def test_a_heading_as_long_as_a_paragraph_is_one() -> None:
    builder = DocumentBuilder()
    builder.heading("x" * 201, 1)
    builder.heading("", 1)
    assert builder.document().blocks == [Block(1, 1)]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_every_line_end_is_one(end: str) -> None:
    builder = DocumentBuilder()
    builder.paragraph(f"a{end}b")
    assert builder.document().lines == ["a", "b"]


def test_what_is_no_character_is_left_out() -> None:
    builder = DocumentBuilder()
    builder.paragraph("a\x00b\x1bc\ud800d")
    assert builder.document().text == "abc?d"


def test_the_blocks_of_another_document_keep_their_shape() -> None:
    part = Document(
        ["H", "", "a", "b", "", "", "code"], [Block(1, 1, 1, "H"), Block(3, 3), Block(4, 4, context="x"), Block(7, 7)]
    )
    builder = DocumentBuilder()
    builder.paragraph("before")
    builder.append(part, Location("chapter", 2, 2))
    document = builder.document()
    assert document.lines == ["before", "", "H", "", "a", "b", "", "code"]
    assert [(block.first, block.level, block.context) for block in document.blocks] == [
        (1, 0, ""), (3, 1, ""), (5, 0, ""), (6, 0, "x"), (8, 0, ""),
    ]  # fmt: skip


def test_a_document_without_end_is_read_to_a_limit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 2_000_000)
    builder = DocumentBuilder()
    while not builder.is_full:
        builder.paragraph("x" * 100_000)
    builder.paragraph("more")
    document = builder.document()
    assert len(document.blocks) == 19
    assert document.notes == ["only its first 2 million characters are read"]
