"""CSV, TSV and the like."""

from __future__ import annotations

import pytest

from openclaw_instructor.documents.document import Document, Location
from tests.documents.office_files import outline, read_as


def table(text: str | bytes, name: str = "a.csv") -> Document:
    return read_as(name, text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(
    "text",
    [
        "Part,Price\nP-1,3\nP-2,4\n",
        "Part;Price\r\nP-1;3\r\nP-2;4\r\n",
        "Part\tPrice\nP-1\t3\nP-2\t4",
        "Part|Price\nP-1|3\nP-2|4\n",
        '"Part","Price"\n"P-1","3"\n"P-2","4"\n',
        "sep=;\nPart;Price\nP-1;3\nP-2;4\n",
        "\ufeffPart,Price\nP-1,3\nP-2,4\n",
    ],
)
def test_every_delimiter_is_found(text: str) -> None:
    document = table(text)
    assert outline(document) == ["Part | Price", "[Part | Price] P-1 | 3", "[Part | Price] P-2 | 4"]
    first = 2 if text.startswith("sep") else 1
    assert [block.location for block in document.blocks] == [Location("row", n, n) for n in range(first, first + 3)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Preis;Menge\n1,5;2,3\n2,5;3,3\n", ["Preis | Menge", "1,5 | 2,3", "2,5 | 3,3"]),
        ("id,name,tags\n1,x,a;b\n2,y,c;d\n", ["id | name | tags", "1 | x | a;b", "2 | y | c;d"]),
        ('a,b\n1,"two\nlines, with ""quotes"""\n2,x\n', ["a | b", '1 | two lines, with "quotes"', "2 | x"]),
        ("words\nonly\n", ["words", "only"]),
        ("a,b,c\n1,,3\n,,\n4\n", ["a | b | c", "1 |  | 3", "", "4"]),
    ],
)
def test_cells(text: str, lines: list[str]) -> None:
    assert table(text).lines == lines


def test_a_quotation_mark_that_is_never_closed_costs_nothing() -> None:
    rows = "".join(f"{n},row {n}\n" for n in range(5_000))
    document = table('id,text\n0,"odd\n' + rows)
    assert len(document.blocks) == 5_002
    assert document.lines[-1] == "4999 | row 4999"
    assert document.notes == ["a quotation mark is never closed: quotation marks are read as characters"]


def test_encodings_and_suffixes() -> None:
    assert table("Stadt;Größe\nKöln;3\nMünchen;4\n".encode("cp1252")).lines[1] == "Köln | 3"
    assert table("a\tb\n1\t2\n".encode("utf-16"), "a.tsv").lines == ["a | b", "1 | 2"]
    assert table("one, two\tthree\n", "a.tab").lines == ["one, two | three"]


def test_texts_without_names_have_no_context() -> None:
    document = table("2024-03-05,12.5\n2024-03-06,13.5\n")
    assert [block.context for block in document.blocks] == ["", ""]
