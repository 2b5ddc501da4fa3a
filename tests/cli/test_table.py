"""Tables on narrow terminals: aligned where there is room, and no word or name broken anywhere."""

from __future__ import annotations

import re

import pytest

from openclaw_instructor.cli.table import lines

COLUMNS = ("file", "state", "reason")
OWN = re.compile("\x1b\\[[0-9;]*m")
NAME = "North-facing-climbers.md"
ROWS = [[f"/home/ann/notes/plants/{NAME}", "indexed", ""], ["/home/ann/été 花.md", "left out", "it may hold secrets"]]


@pytest.mark.parametrize("width", [200, 90, 60, 50, 40, 20, 1])
@pytest.mark.parametrize("on_terminal", [False, True])
def test_no_name_is_broken_and_nothing_is_lost(width: int, on_terminal: bool) -> None:
    printed = lines(COLUMNS, ROWS, width, on_terminal=on_terminal)
    text = OWN.sub("", "\n".join(printed))
    for word in (NAME, "indexed", "secrets", "花.md"):
        assert word in text
    assert width < 50 or not on_terminal or max(map(len, text.splitlines())) <= width


def test_a_table_that_fits_has_a_line_for_each_row() -> None:
    assert lines(COLUMNS, ROWS, 90, on_terminal=False) == [
        "file                                             state     reason",
        f"/home/ann/notes/plants/{NAME}  indexed",
        "/home/ann/été 花.md                              left out  it may hold secrets",
    ]


def test_paths_are_broken_behind_a_folder() -> None:
    printed = OWN.sub("", "\n".join(lines(COLUMNS, ROWS, 58, on_terminal=True))).splitlines()
    assert printed[1].split() == ["/home/ann/notes/plants/", "indexed"]
    assert printed[2] == NAME


def test_what_is_too_wide_is_listed() -> None:
    assert lines(COLUMNS, ROWS[:1], 30, on_terminal=True) == [ROWS[0][0], "  state: indexed"]
    assert lines(("field", "value"), [["id", "x" * 300]], 80, on_terminal=True) == [f"id  {'x' * 300}"]


def test_a_program_gets_a_line_for_each_row_however_long() -> None:
    assert len(lines(COLUMNS, ROWS, 30, on_terminal=False)) == 3
    assert lines(("id", "value"), [["a", "x" * 300]], 80, on_terminal=False)[1] == f"a   {'x' * 300}"
    assert len(lines(("id", "value"), [["a", "some words " * 20]], 80, on_terminal=False)) == 4


def test_an_empty_table_has_a_head() -> None:
    assert lines(COLUMNS, [], 80, on_terminal=False) == ["file  state  reason"]
    assert lines(("a", "b"), [["", ""], ["x", "y\nz"]], 80, on_terminal=False) == ["a  b", "", "x  y", "   z"]
