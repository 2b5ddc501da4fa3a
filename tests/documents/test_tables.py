"""Rows as lines, and which of them names the columns."""

from __future__ import annotations

import pytest

from openclaw_instructor.documents.tables import column_names, find_header, row_text


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["a", "b"], "a | b"),
        (["a", "", "c", "", ""], "a |  | c"),
        (["", "", ""], ""),
        ([" two\nlines ", "tab\there"], "two lines | tab here"),
        ([], ""),
    ],
)
def test_a_row_is_one_line(cells: list[str], text: str) -> None:
    assert row_text(cells) == text


def test_names_in_front_of_every_passage_are_bounded() -> None:
    assert column_names(["x" * 100, "b"]) == "x" * 59 + "… | b"
    names = column_names([f"column number {n}" for n in range(100)])
    assert len(names) <= 304
    assert names.startswith("column number 0 | ")
    assert names.endswith(" | …")


def rows(text: str) -> list[list[str]]:
    return [line.split(",") for line in text.split(";")]


@pytest.mark.parametrize(
    ("table", "header"),
    [
        ("Part,Price;P-1,3;P-2,4", 0),
        ("Name,City;Anna,Berlin;Tom,Ulm", 0),
        ("Stock of May;Part,Price;P-1,3", 1),
        ("Region,2023,2024;North,3,4;South,5,6", 0),
        ("Region,Q1,Q2;North,3,4;South,5,6", 0),
        ("Date,Amount;2024-03-05,12.50;2024-03-06,3", 0),
        ("a;b;c", 0),
        ("2024-03-05,12.50;2024-03-06,3.10", None),
        ("P-1,3;P-2,4", None),
        ("anna@x.y,tom@x.y;b@x.y,c@x.y", None),
        ("yes,no;yes,yes;no,yes", None),
        ("A long sentence that nobody would write as the name of a column,x;b,c", None),
        ("Part,Price", None),
        ("", None),
    ],
)
def test_the_row_that_names_the_columns(table: str, header: int | None) -> None:
    assert find_header(rows(table)) == header


def test_below_a_table_only_plain_names_begin_another() -> None:
    assert find_header(rows("Name,City;Anna,Berlin"), needs_evidence=True) is None
    assert find_header(rows("Name,Born;Anna,1990-01-02"), needs_evidence=True) == 0
