"""Org files."""

from __future__ import annotations

from tests.documents.office_files import outline, read_as

ORG = """#+TITLE: Field *notes*
#+AUTHOR: Anna
#+DATE: <2024-03-05 Tue>
#+FILETAGS: :work:lab:
#+TODO: OPEN(o) | SHUT
#+OPTIONS: toc:nil

Intro text.

* OPEN [#A] First [[http://x.y][linked]] /thing/ :urgent:me:
SCHEDULED: <2024-03-06>
:PROPERTIES:
:ID: 1234
:END:
Body text.

#+begin_src python
def f():

    return 1
#+end_src

#+CAPTION: Prices
| Part | Price |
|------+-------|
| P-1  | 3.50  |
| P-2  | 4.50  |

** DONE Sub
# a comment
Text.
#+begin_quote
never closed
"""


def test_an_org_file() -> None:
    document = read_as("a.org", ORG.encode())
    assert outline(document) == [
        "Intro text.",
        "# First linked thing",
        "SCHEDULED: <2024-03-06>",
        "Body text.",
        "#+begin_src python\ndef f():\n\n    return 1\n#+end_src",
        "#+CAPTION: Prices",
        "| Part | Price |",
        "[Part | Price] | P-1  | 3.50  |",
        "[Part | Price] | P-2  | 4.50  |",
        "## Sub",
        "Text.",
        "#+begin_quote",
        "never closed",
    ]
    assert document.lines == ORG.split("\n")
    assert all(block.location is None for block in document.blocks)
    assert document.title == "Field notes"
    assert document.metadata == {"author": "Anna", "date": "2024-03-05", "tags": ["work", "lab", "urgent", "me"]}


def test_marks_that_are_no_markup_stay() -> None:
    text = "* a/b and 2*3*4 and snake_case_name\n* =code= _u_ +s+ *b*\n*bold* is no heading\n"
    assert outline(read_as("a.org", text.encode())) == [
        "# a/b and 2*3*4 and snake_case_name", "# code u s b", "*bold* is no heading",
    ]  # fmt: skip


def test_blocks_that_are_never_closed_take_no_time() -> None:
    text = "#+begin_src x\n:PROPERTIES:\n| a\n" * 30_000 + "* " + "*a " * 30_000
    assert len(read_as("a.org", text.encode()).blocks) >= 60_000
