"""Bytes to lines and blocks."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from openclaw_instructor.documents.reading import read, readable


def headings(text: str, suffix: str = ".md") -> list[tuple[int, int, str]]:
    blocks = read(text.encode(), PurePath("x" + suffix)).blocks
    return [(block.first, block.level, block.heading) for block in blocks if block.level]


def test_atx_and_setext_headings() -> None:
    text = "# One #\n\nTwo\n===\n\nThree\n---\n\n   ### Four\n#No\n####### No\n"
    assert headings(text) == [(1, 1, "One"), (3, 1, "Two"), (6, 2, "Three"), (9, 3, "Four")]


@pytest.mark.parametrize("text", ["- item\n---\n", "\n---\n", "| a |\n---\n", "    code\n---\n", "1. one\n---\n"])
def test_a_rule_under_what_is_no_paragraph_is_no_heading(text: str) -> None:
    assert headings("start\n\n" + text) == []


def test_headings_inside_code_are_code() -> None:
    assert headings("````\n# a\n```\n# b\n````\n\n# Real\n\n~~~ sh\n# c\n") == [(7, 1, "Real")]


@pytest.mark.parametrize("item", ["1. ", "- ", "* ", "+ ", "  12)  ", "- 1. ", "-\t"])
def test_code_may_open_on_the_line_of_a_list_item(item: str) -> None:
    assert headings(f"{item}```sh\n   # a\n   ```\n\n# Real\n\n{item}~~~\n# b\n~~~\n# Last\n") == [
        (5, 1, "Real"),
        (10, 1, "Last"),
    ]
    assert headings(f"{item}`` `code` ```\n# Real\n") == headings(f"{item}```code```\n# Real\n") == [(2, 1, "Real")]


def test_a_line_of_many_list_marks_is_read_at_once() -> None:
    assert headings("-   " * 50_000 + "x\n\n# Real\n") == [(3, 1, "Real")]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Use `__init__` and snake_case", "Use __init__ and snake_case"),
        ("**Bold** and _it_ [link](http://x.y)", "Bold and it link"),
        ("The <NAME> argument {#id}", "The <NAME> argument"),
        ('<a id="x"></a>Anchor', "Anchor"),
    ],
)
def test_headings_are_shown_without_markup(raw: str, shown: str) -> None:
    assert headings(f"# {raw}\n") == [(1, 1, shown)]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: 'Quoted: yes'\n---\n# H\n", "Quoted: yes"),
        ("---\ntitle: 2024\n---\n", "2024"),
        ("---\n[broken\n---\n# H\n", "H"),
        ("---\n- list\n---\n# H\n", "H"),
        ("---\nnever closed\n# H\n", "H"),
        ("## Only second\n", ""),
    ],
)
def test_titles(text: str, title: str) -> None:
    assert read(text.encode(), PurePath("x.md")).title == title


def test_restructured_text_headings() -> None:
    text = "=====\nTitle\n=====\n\nIntro\n\nPart\n----\nText right below.\n\nSub\n~~~\n\nOther\n-----\n\nnot\n==\n"
    assert headings(text, ".rst") == [(1, 1, "Title"), (7, 2, "Part"), (11, 3, "Sub"), (14, 2, "Other")]
    document = read(text.encode(), PurePath("x.rst"))
    assert document.title == "Title"
    assert [(b.first, b.last) for b in document.blocks if not b.level] == [(5, 5), (9, 9), (17, 18)]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("a.MD", True),
        ("README", True),
        ("b.rst", True),
        ("c.py", True),
        ("Makefile", True),
        ("d.dat", False),
        ("D", False),
    ],
)
def test_which_names_are_taken_unasked(name: str, taken: bool) -> None:
    assert readable(PurePath(name)) is taken
