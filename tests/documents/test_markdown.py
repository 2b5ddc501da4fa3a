"""Markdown as people have it."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from openclaw_instructor.documents import Document
from openclaw_instructor.documents.readers.markdown import read


def markdown(text: str) -> Document:
    return read(text.encode(), PurePath("note.md"))


def headings(text: str) -> list[tuple[int, int, str]]:
    return [(block.first, block.level, block.heading) for block in markdown(text).blocks if block.level]


@pytest.mark.parametrize(
    "hidden",
    [
        "<!--\n# Draft\n\n## Old\n-->",
        "<!-- one line -->\n<!--\n# Draft -->",
        "<pre>\n# comment\n\n# another\n</pre>",
        "<PRE class='x'>\n# comment\n</PRE>",
        "<script>\n# comment\n\nlet x\n===\n</script>",
        "<style>\n# a\n</style>",
        "%%\n# private\n\n%%",
        "<div>\n# raw\n</div>",
        "```\n# code\n```",
        "    # indented code\n\n    # more of it",
        "\t# after a tab",
        "> # quoted",
    ],
)
def test_headings_in_what_is_no_markdown_are_none(hidden: str) -> None:
    assert headings(f"# Title\n\n{hidden}\n\n## Real\n") == [(1, 1, "Title"), (4 + hidden.count("\n") + 1, 2, "Real")]


@pytest.mark.parametrize("opened", ["<!-- never closed", "<pre>", "<?php"])
def test_what_is_never_closed_hides_nothing(opened: str) -> None:
    assert headings(f"{opened}\n\n# Real\n\n{opened}\n\n## Two\n") == [(3, 1, "Real"), (7, 2, "Two")]


def test_a_fence_in_indented_code_is_no_fence_but_one_in_a_list_is() -> None:
    assert headings("Write this:\n\n    ```python\n\n## Real\n") == [(5, 2, "Real")]
    assert headings("- item\n\n    ```sh\n# code\n    ```\n\n## Real\n") == [(7, 2, "Real")]
    assert headings("1. item\n   more\n\n      ```sh\n# code\n      ```\n\n## Real\n") == [(8, 2, "Real")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<h1 align="center">Falcon</h1>\n', [(1, 1, "Falcon")]),
        ("<h2>A <em>bold</em> one</h2>\n", [(1, 2, "A bold one")]),
        ('<div align="center">\n  <img src="x">\n  <h1>\n    Falcon\n  </h1>\n  text\n</div>\n', [(3, 1, "Falcon")]),
        ("<h1>\n<a href='x'><img alt='Logo' src='y'></a>\nFalcon &amp; Co\n</h1>\n", [(1, 1, "Falcon & Co")]),
        ("<h1></h1>\n", []),
        ("<header>x</header>\n", []),
    ],
)
def test_headings_in_html_are_headings(text: str, found: list[tuple[int, int, str]]) -> None:
    assert headings(text) == found


def test_every_line_belongs_to_a_block() -> None:
    text = (
        "<div>\nbefore\n<h1>Title</h1>\nafter\n</div>\n\n| a | b |\n|---|---|\n| 1 | 2 |\nend\n\n    code\n\n    code\n"
    )
    document = markdown(text)
    covered = [number for block in document.blocks for number in range(block.first, block.last + 1)]
    assert sorted(covered) == covered
    assert {number for number, line in enumerate(document.lines, start=1) if line.strip()} <= set(covered)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("[![Build](https://x.org/a.svg)](https://ci.x.org) Kestrel", "Kestrel"),
        ("[![Build][img]][ci] Kestrel ![](x.png)", "Kestrel"),
        ("![Kestrel](logo.png)", "Kestrel"),
        ("[[Project Apollo|Apollo]] notes", "Apollo notes"),
        ("On [[Kestrel]] and ![[Nest#Eggs]]", "On Kestrel and Nest > Eggs"),
        ("A [link][ref] and [another](http://x.y/a_(b))", "A link and another"),
        ("Q&amp;A", "Q&A"),
        ("snake\\_case and \\*stars\\*", "snake_case and *stars*"),
        ("~~Old~~ ==new==[^1]", "Old new"),
        ("Install {#install .x}", "Install"),
        ("Idea ^abc-123", "Idea"),
        ("C# and F#", "C# and F#"),
        ("Closed ##", "Closed"),
        ("The `a | b` operator", "The a | b operator"),
        ("x < y and [unclosed", "x < y and [unclosed"),
    ],
)
def test_headings_are_shown_as_they_are_read(raw: str, shown: str) -> None:
    assert headings(f"# {raw}\n") == [(1, 1, shown)]


def test_every_row_of_a_table_says_its_columns() -> None:
    document = markdown(
        "Stock:\n| Part | `Unit` price \\| EUR |\n|:-----|-----:|\n| P-1 | 4.50 |\n| P-2 | 0.10 |\nEnd of it.\n"
        "\na | b\n--|--\n1 | 2\n"
    )
    assert [(block.first, block.last, block.context) for block in document.blocks] == [
        (1, 1, ""),
        (2, 3, ""),
        (4, 4, "Part | Unit price | EUR"),
        (5, 5, "Part | Unit price | EUR"),
        (6, 6, ""),
        (8, 9, ""),
        (10, 10, "a | b"),
    ]


@pytest.mark.parametrize("text", ["| a | b |\n| c | d |\n", "a | b\n\n--|--\n", "| a |\n|---|---|\n", "a\n---\n"])
def test_what_only_looks_like_a_table_is_none(text: str) -> None:
    assert {block.context for block in markdown(text).blocks} == {""}


def test_a_callout_says_its_title() -> None:
    blocks = markdown("> [!warning]- Back *up* first\n> Then go on.\n\n> [!note]\n> Text.\n\n> [!tip] alone\n").blocks
    assert [block.context for block in blocks] == ["warning: Back up first", "note", ""]


def test_images_in_the_text_are_cut_out() -> None:
    image = "A" * 5_000
    document = markdown(
        f"# Visit\n\nBefore ![photo](data:image/png;base64,{image}) after.\n\n"
        f"<img src='data:image/gif;base64,{image}'>\n\n"
        f"[image1]: <data:image/png;base64,{image}\n{image}\n{image}>\n\nLast words about data: URIs.\n"
    )
    assert "AAAA" not in document.text
    assert document.lines[2] == "Before ![photo](data:image/png;base64,…) after."
    assert document.lines[10] == "Last words about data: URIs."


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    document = markdown("---\n\n# First\n\nText: more.\n\n---\n\n# Second\n")
    assert document.title == "First"
    assert document.metadata == {}
    assert headings("---\n\n# First\n\n---\n") == [(3, 1, "First")]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_front_matter_is_metadata(ending: str) -> None:
    document = markdown(
        ending.join(["---", "title: Budget: 2026 plan", "author: Ada", "tags: [a, b]", "---", "", "# Other", ""])
    )
    assert document.title == "Budget: 2026 plan"
    assert document.metadata == {"author": "Ada", "tags": ["a", "b"]}
    assert (document.blocks[0].first, document.blocks[0].last, document.blocks[0].heading) == (1, 7, "Other")


N = 300_000
HOSTILE = {
    "spaces": "# x" + " " * N + "y",
    "marks": "# " + "# " * (N // 2) + "y",
    "no-break spaces": "# a" + "\u00a0" * N + "b",
    "list marks": "- " * (N // 2) + "x",
    "comments": "<!--\n" * (N // 5),
    "pre": "<pre>\n" * (N // 6),
    "html headings": "<h1>\n" * (N // 5),
    "html headings on a line": "<h1>" * (N // 4),
    "tables": "|a|\n|-|\n" * (N // 8),
    "a wide table": "|" * N + "\n" + "|-" * (N // 2),
    "fences": "```\n" * (N // 4),
    "rules": "---\n" * (N // 4),
    "headings": "a\n=\n" * (N // 4),
    "data": "data:" * (N // 5),
    "long data": "![x](data:image/png;base64," + "A" * N + ")",
    "callouts": "> [!note] x\n" * (N // 12),
    **{
        f"heading of {unit}": "# " + unit * (N // len(unit))
        for unit in ("[", "![", "[](", "<a ", "{#", "`", "_", "[[", "<!--")
    },
    **{
        f"headings of {unit}": ("# " + unit * (1_900 // len(unit)) + "\n") * (N // 1_900)
        for unit in ("[", "![", "[](", "<a ", " {#", "`", "_", "[[", "<!--", "(", "a ")
    },
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_take_linear_time(hostile: str) -> None:
    # Quadratic time would take minutes; the limit of the suite is the assertion.
    document = markdown(HOSTILE[hostile])
    assert sum(len(block.heading) for block in document.blocks) <= 2 * N


def test_a_long_heading_is_a_paragraph() -> None:
    document = markdown("# " + "word " * 20_000 + "\n\n" + "## s\n\nx\n\n" * 100)
    assert {block.heading for block in document.blocks} == {"", "s"}
    assert document.title == ""
