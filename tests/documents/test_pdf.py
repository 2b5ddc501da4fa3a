"""PDF files to pages, columns, headings and paragraphs."""

from __future__ import annotations

import io
from pathlib import PurePath

import pikepdf
import pytest
from fpdf import FPDF

from openclaw_instructor.documents import Document, UnreadableDocument
from openclaw_instructor.documents.formats import format_of
from openclaw_instructor.documents.readers.pdf import read
from tests.documents.pdf_files import LOREM, lines, made, picture, wrapped, write


def document(data: bytes) -> Document:
    return read(data, PurePath("file.pdf"))


def texts(read: Document) -> list[str]:
    return ["\n".join(read.lines[block.first - 1 : block.last]) for block in read.blocks]


def headings(read: Document) -> list[tuple[int, str]]:
    return [(block.level, block.heading) for block in read.blocks if block.level]


def body(file: FPDF, number: int, y: float = 160) -> None:
    lines(file, 60, y, wrapped(file, f"Page {number} begins here. " + LOREM, 470))


def test_every_block_says_its_page() -> None:
    def draw(file: FPDF) -> None:
        for number in range(1, 4):
            file.add_page()
            body(file, number)

    read = document(made(draw))
    assert [str(block.location) for block in read.blocks] == ["page 1", "page 2", "page 3"]
    assert [text.split(" begins")[0] for text in texts(read)] == ["Page 1", "Page 2", "Page 3"]
    assert str(read.location(1, len(read.lines))) == "pages 1-3"


@pytest.mark.parametrize("order", ["column by column", "row by row"])
@pytest.mark.parametrize("columns", [2, 3])
def test_columns_are_read_one_after_the_other(order: str, columns: int) -> None:
    width = {2: 225, 3: 145}[columns]
    stories = [f"Story{number} begins. {LOREM} Story{number} ends." for number in range(columns)]

    def draw(file: FPDF) -> None:
        file.add_page()
        write(file, 60, 80, "A title that goes across all of the columns below it", 20, "B")
        flowed = [wrapped(file, story, width) for story in stories]
        placed = [
            (60 + number * (width + 25), 120 + 14 * row, text)
            for number, story in enumerate(flowed)
            for row, text in enumerate(story)
        ]
        for x, y, text in sorted(placed, key=lambda p: (p[1], p[0])) if order == "row by row" else placed:
            write(file, x, y, text)
        y = 140 + 14 * max(map(len, flowed))
        lines(file, 60, y, wrapped(file, "The end goes across again. " + LOREM, 470))

    read = document(made(draw))
    assert headings(read) == [(1, "A title that goes across all of the columns below it")]
    assert texts(read)[1:] == [
        *(" ".join(story.split()) for story in stories),
        " ".join(f"The end goes across again. {LOREM}".split()),
    ]


def test_a_table_is_read_row_by_row() -> None:
    rows = [
        ("Part", "Name", "Price"),
        ("P-1", "gasket", "4.50"),
        ("P-2", "washer", "0.10"),
        ("P-3", "sprocket", "12.00"),
    ]
    rows += [(f"P-{number}", "bearing", f"{number}.00") for number in range(4, 9)]

    def draw(file: FPDF) -> None:
        file.add_page()
        body(file, 1)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                write(file, 60 + 150 * column, 320 + 16 * number, cell)

    found = "\n".join(texts(document(made(draw)))).split("\n")
    assert found[1:] == [" ".join(row) for row in rows]


def test_hyphens_at_line_ends_are_mended() -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        lines(
            file,
            60,
            100,
            [
                "The harbour master is well-known and knows every regu-",
                "lation by heart. He is a well-",
                "known man who has a long memory of self-",
                "evident things. The self-evident ones he forgets first. UTF-",
                "8 and Anglo-",
                "American are kept. A left-",
                "handed pilot uses his left hand when he is handed the wheel.",
            ],
        )

    (text,) = texts(document(made(draw)))
    assert text == (
        "The harbour master is well-known and knows every regulation by heart. He is a well-known man who has a long"
        " memory of self-evident things. The self-evident ones he forgets first. UTF-8 and Anglo-American are kept."
        " A left-handed pilot uses his left hand when he is handed the wheel."
    )


def test_a_word_across_two_pages_is_mended_on_the_first() -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        lines(file, 60, 700, ["The ledger of the harbour is kept by the cus-"])
        file.add_page()
        lines(file, 60, 200, ["toms house since the year of the flood."])

    assert texts(document(made(draw))) == [
        "The ledger of the harbour is kept by the customs",
        "house since the year of the flood.",
    ]


def test_headings_are_known_by_size_and_weight() -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        write(file, 60, 80, "Harbours", 24, "B")
        write(file, 60, 120, "The ledger of every ship that has ever", 16, "B")
        write(file, 60, 138, "come to the bay", 16, "B")
        body(file, 1, 170)
        write(file, 60, 260, "Pilots", 11, "B")
        body(file, 2, 280)
        write(file, 60, 370, "1.2", 16, "B")
        write(file, 110, 370, "Customs", 16, "B")
        body(file, 3, 400)

    read = document(made(draw))
    assert headings(read) == [
        (1, "Harbours"),
        (2, "The ledger of every ship that has ever come to the bay"),
        (3, "Pilots"),
        (2, "1.2 Customs"),
    ]
    assert read.title == "Harbours"


def test_an_outline_gives_the_levels() -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        file.start_section("Alpha", level=0)
        write(file, 60, 80, "Alpha", 14, "B")
        body(file, 1, 110)
        file.start_section("2.1 Beta", level=1)
        write(file, 60, 200, "2.1  Beta", 14, "B")
        body(file, 2, 230)
        file.start_section("Gamma", level=2)
        write(file, 60, 320, "Gamma", 11)
        body(file, 3, 360)

    assert headings(document(made(draw))) == [(1, "Alpha"), (2, "2.1 Beta"), (3, "Gamma")]


def test_bold_words_in_a_paragraph_are_no_headings() -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        write(file, 60, 100, "Warning: ", 11, "B")
        write(file, 118, 100, "the bay is closed in winter and opens in spring.")
        body(file, 1)

    assert headings(document(made(draw))) == []


def test_headers_footers_and_page_numbers_are_dropped() -> None:
    def draw(file: FPDF) -> None:
        for number in range(1, 9):
            file.add_page()
            write(file, 60, 40, "The Harbour Book" if number % 2 else f"Chapter {number // 4 + 1}: Ships", 9)
            body(file, number)
            write(file, 280, 810, f"Page {number} of 8" if number > 2 else str(number), 9)
            write(file, 60, 822, "Confidential", 8)

    read = document(made(draw))
    assert all(text.startswith("Page ") and text.endswith("was never there.") for text in texts(read)), texts(read)
    assert len(read.blocks) == 8


def test_the_first_lines_of_pages_are_no_headers() -> None:
    words = [[f"{sign}{page}" for sign in "KLMNOPQ"] for page in "abcde"]

    def draw(file: FPDF) -> None:
        for page in words:
            file.add_page()
            lines(file, 60, 50, [f"{word} is what the pilots of this bay talk about." for word in page])

    found = " ".join(texts(document(made(draw)))).split()
    assert [word for word in found if len(word) == 2 and word[0].isupper()] == [word for page in words for word in page]


def test_pages_that_are_all_alike_are_kept() -> None:
    def draw(file: FPDF) -> None:
        for _ in range(4):
            file.add_page()
            write(file, 60, 60, "Form of the customs house")

    assert texts(document(made(draw))) == ["Form of the customs house"] * 4


def test_code_keeps_its_lines() -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        body(file, 1)
        for number, (x, text) in enumerate([(60, "def f(x):"), (60 + 4 * 6, "return x + 1"), (60, "print(f(2))")]):
            write(file, x, 300 + 12 * number, text, 10, family="Courier")

    assert texts(document(made(draw)))[1] == "def f(x):\n    return x + 1\nprint(f(2))"


def test_scanned_pages_are_named() -> None:
    def draw(file: FPDF) -> None:
        for number in range(1, 8):
            file.add_page()
            if number in (2, 4, 5, 6):
                file.image(picture(), 0, 0, 595, 842)
            elif number != 7:
                body(file, number)

    read = document(made(draw))
    assert read.notes == ["pages 2, 4-6 hold no text: scanned"]
    assert [block.location.first for block in read.blocks if block.location] == [1, 3]


@pytest.mark.parametrize(("pages", "reason"), [("scanned", "no text layer: scanned pages"), ("empty", "no text")])
def test_a_file_without_text_is_unreadable(pages: str, reason: str) -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        if pages == "scanned":
            file.image(picture(), 0, 0, 595, 842)

    with pytest.raises(UnreadableDocument) as caught:
        document(made(draw))
    assert caught.value.reason == reason


def encrypted(user: str) -> bytes:
    def draw(file: FPDF) -> None:
        file.add_page()
        body(file, 1)

    with pikepdf.open(io.BytesIO(made(draw))) as file:
        target = io.BytesIO()
        file.save(target, encryption=pikepdf.Encryption(owner="owner", user=user))
        return target.getvalue()


def test_encrypted_files_are_told() -> None:
    with pytest.raises(UnreadableDocument, match="encrypted"):
        document(encrypted("secret"))
    # A password for the owner alone lets everybody read.
    assert texts(document(encrypted("")))[0].startswith("Page 1 begins here.")


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"%PDF-1.7\n" + bytes(range(256)) * 100, b"no PDF"])
def test_damaged_files_are_told(data: bytes) -> None:
    with pytest.raises(UnreadableDocument, match="damaged"):
        document(data)


def test_a_truncated_file_is_read_as_far_as_it_goes() -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        body(file, 1)

    whole = made(draw)
    try:
        assert "harbour" in document(whole[: len(whole) - 200]).text
    except UnreadableDocument as error:
        assert error.reason in ("damaged, or no PDF", "damaged", "no text")  # noqa: PT017


def test_what_a_file_states_about_itself() -> None:
    import datetime

    def draw(file: FPDF) -> None:
        file.add_page()
        write(file, 60, 80, "Largest", 24, "B")
        body(file, 1)
        file.set_creation_date(datetime.datetime(2024, 3, 5, 10, 30, tzinfo=datetime.UTC))

    data = made(draw, title="The Harbour Book", author="Ada L.", subject="Ships", keywords="bay, pilot; ledger")
    read = document(data)
    assert read.title == "The Harbour Book"
    assert read.metadata == {
        "author": "Ada L.",
        "date": "2024-03-05T10:30:00Z",
        "description": "Ships",
        "tags": ["bay", "pilot", "ledger"],
    }
    assert document(made(draw, title="Microsoft Word - report.docx")).title == "Largest"


def test_turned_pages_are_read_upright() -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        with file.rotation(90, 300, 400):
            body(file, 1, 300)

    assert texts(document(made(draw))) == [" ".join(f"Page 1 begins here. {LOREM}".split())]


def test_text_that_runs_another_way_comes_last_and_watermarks_go() -> None:
    def draw(file: FPDF) -> None:
        for number in range(1, 4):
            file.add_page()
            with file.rotation(45, 300, 400):
                write(file, 200, 400, "DRAFT", 60)
            if number == 2:
                with file.rotation(90, 40, 400):
                    write(file, 40, 400, "Depth in fathoms")
            body(file, number)

    found = texts(document(made(draw)))
    assert len(found) == 4
    assert found[2] == "Depth in fathoms"


def test_filled_forms_and_notes_are_read() -> None:
    def draw(file: FPDF) -> None:
        file.add_page()
        body(file, 1)
        file.text_annotation(60, 60, "Ask the pilot")

    with pikepdf.open(io.BytesIO(made(draw))) as file:
        field = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            FT=pikepdf.Name.Tx,
            T=pikepdf.String("Ship"),
            V=pikepdf.String("Grüne Möwe"),
            Rect=[0, 0, 10, 10],
        )
        field = file.make_indirect(field)
        file.pages[0].Annots.append(field)
        file.Root.AcroForm = pikepdf.Dictionary(Fields=[field])
        target = io.BytesIO()
        file.save(target)
    assert texts(document(target.getvalue()))[1:] == ["Ask the pilot", "Ship: Grüne Möwe"]


def drawn(content: str) -> bytes:
    """A page of this content stream."""
    with pikepdf.new() as file:
        page = file.add_blank_page(page_size=(595, 842))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
        page.Contents = file.make_stream(content.encode())
        target = io.BytesIO()
        file.save(target)
        return target.getvalue()


N = 20_000
HOSTILE = {
    "strewn words": "".join(f"1 0 0 1 {n * 37 % 595} {n * 91 % 842} Tm (w{n}) Tj " for n in range(N)),
    "words over each other": "".join(f"1 0 0 1 100 400 Tm (w{n}) Tj " for n in range(N)),
    "a grid": "".join(f"1 0 0 1 {n % 60 * 9} {n // 60 * 2} Tm (w{n % 97}) Tj " for n in range(N)),
    "a long word": f"0 500 Td ({'a' * N}) Tj",
    "a long word of both": f"0 500 Td ({'1a' * N}) Tj",
    "dots": f"0 500 Td ({'. ' * N}) Tj",
    "hyphens": "14 TL 50 800 Td " + "(ab-) Tj T* " * N,
    "slanted words": "".join(f"0.7 0.7 -0.7 0.7 {n % 500} {n % 800} Tm (w{n}) Tj " for n in range(N)),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_pages_take_linear_time(hostile: str) -> None:
    # Quadratic time would take minutes; the limit of the suite is the assertion.
    assert document(drawn(f"BT /F 8 Tf {HOSTILE[hostile]} ET")).blocks


def test_large_files_are_taken_and_read_in_a_process_of_their_own() -> None:
    known = format_of(PurePath("a.PDF"))
    assert known is not None
    assert known.isolated
    assert known.max_bytes >= 100_000_000
