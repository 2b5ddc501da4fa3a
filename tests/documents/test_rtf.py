"""Rich Text Format."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from openclaw_instructor.documents.document import Document, UnreadableDocument
from openclaw_instructor.documents.readers import rtf as reader
from tests.documents.office_files import outline, read_as

HEAD = r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}{\f2\fcharset128 MS;}}"


def rtf(body: str, head: str = HEAD) -> Document:
    return read_as("a.rtf", (head + body + "}").encode("latin-1"))


def test_paragraphs_headings_and_properties() -> None:
    document = rtf(
        r"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}{\s2 Title;}{\s3\outlinelevel1 Clause;}}"
        r"{\info{\title The plan}{\author Anna M\'fcller}{\keywords money, desks}{\creatim\yr2023\mo1\dy2}"
        r"{\revtim\yr2024\mo3\dy5\hr12}{\operator Tom}}{\header Confidential\par}{\*\generator Word;}"
        r"\pard\s2 Our plan\par\pard\s1 Budget\par\pard Text {\b bold} and\line more.\par"
        r"\pard\s3 Desks\par\pard\outlinelevel2 By level\par\pard plain\par"
    )
    assert outline(document) == [
        "# Our plan", "# Budget", "Text bold and\nmore.", "## Desks", "### By level", "plain",
    ]  # fmt: skip
    assert document.title == "Our plan"
    assert document.metadata == {"author": "Anna Müller", "date": "2024-03-05", "tags": ["money", "desks"]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"caf\'e9 \u8364? \'80", "café € €"),
        (r"{\f1 \'cf\'f0\'e8\'e2\'e5\'f2} caf\'e9", "Привет café"),
        (r"{\f2 \'93\'fa\'96\'7b}", "日本"),
        (r"{\uc2\u9731\'3f\'3f}x{\uc0\u9731}y", "☃x☃y"),
        (r"\u-10179?\u-8704?", "😀"),
        (r"a\~b\_c\-d \{x\} \\ \emdash \lquote q\rquote", "a\u00a0b-cd {x} \\ —‘q’"),
        ("raw caf\xe9", "raw café"),
        (r"a\tab b", "a\tb"),
        (r"keep{\v hidden}{\deleted gone} this {\*\unknown none}{\pict 00ff}", "keep this"),
        (r"{\object{\*\objdata 00}{\result shown}}", "shown"),
        (r'{\field{\*\fldinst HYPERLINK "http://x.y"}{\fldrslt linked}}', "linked"),
        ("{\\pict\\bin5 }}}\\\\}still", "still"),
        (r"\htmlrtf drop\htmlrtf0 keep", "keep"),
    ],
)  # fmt: skip
def test_characters(body: str, text: str) -> None:
    assert rtf(body).text == text


def test_a_code_page_of_the_whole() -> None:
    assert rtf(r"\'cf\'f0", r"{\rtf1\ansi\ansicpg1251 ").text == "Пр"
    assert rtf(r"\'8e", r"{\rtf1\mac ").text == "é"


def test_tables_lists_footnotes_and_comments() -> None:
    row = r"\trowd\cellx1\cellx2\pard\intbl {}\cell\pard\intbl {}\cell\row "
    document = rtf(
        r"\pard Above{\super\chftn{\*\footnote\pard the foot\par}}"
        r"{\*\atnauthor Tom}\chatn{\*\annotation\pard why?\par} it.\par "
        + row.format("Part", "Price") + row.format(r"P-1\par two", "3") + row.format("P-2", "4")
        + r"\pard{\listtext\'b7\tab}dot\par{\listtext 1.\tab}one\par"
    )  # fmt: skip
    assert outline(document) == [
        "Above it.", "[the foot]", "[Comment by Tom: why?]", "Part | Price", "[Part | Price] P-1 two | 3",
        "[Part | Price] P-2 | 4", "- dot", "1. one",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"text", "not an RTF text"),
        (b"{\\rtf1" + b"{" * 20_000, "nested too deeply"),
        (b"%PDF-1.7", "a PDF"),
    ],
)
def test_what_is_no_rtf_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableDocument) as raised:
        reader.read(data, PurePath("a.rtf"))
    assert raised.value.reason == reason


def test_a_text_cut_short_gives_what_it_has() -> None:
    assert rtf(r"\pard one\par two {\b three").lines == ["one", "", "two three"]
