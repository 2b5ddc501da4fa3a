"""Files made to do harm, and files that are damaged: each is read or refused within bounds, with a reason."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePath

import docx
import openpyxl
import pptx
import pytest

from openclaw_instructor.documents import document_json
from openclaw_instructor.documents.document import Document, UnreadableDocument
from openclaw_instructor.documents.formats import format_of
from openclaw_instructor.documents.isolation import IsolatedReaders
from openclaw_instructor.documents.limits import Limits
from tests.documents import test_epub, test_opendocument
from tests.documents.office_files import changed, member, packed, read_as, word

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
ZIPPED = (".docx", ".pptx", ".xlsx", ".odt", ".odp", ".ods", ".epub")


def good(suffix: str) -> bytes:
    """A small sound file."""
    file = io.BytesIO()
    if suffix == ".docx":
        made = docx.Document()
        made.add_heading("Sound", 1)
        made.add_paragraph("text " * 200)
        made.save(file)
    elif suffix == ".xlsx":
        book = openpyxl.Workbook()
        for number in range(100):
            book.active.append([number, "text"])
        book.save(file)
    elif suffix == ".pptx":
        deck = pptx.Presentation()
        deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Sound"
        deck.save(file)
    elif suffix == ".epub":
        return packed(test_epub.MEMBERS)
    else:
        return test_opendocument.made(suffix, "<text:p>sound</text:p>")
    return file.getvalue()


MAIN = {
    ".docx": "word/document.xml", ".pptx": "ppt/slides/slide1.xml", ".xlsx": "xl/worksheets/sheet1.xml",
    ".odt": "content.xml", ".odp": "content.xml", ".ods": "content.xml", ".epub": "OPS/book.opf",
}  # fmt: skip


def reason(name: str, data: bytes) -> str:
    with pytest.raises(UnreadableDocument) as raised:
        read_as(name, data)
    return raised.value.reason


def outcome(name: str, data: bytes, isolated: IsolatedReaders[Document] | None = None) -> str:
    """The reason why it is not read, or "" and a sound document."""
    known = format_of(PurePath(name))
    assert known
    try:
        document = isolated.read(known.read, data, PurePath(name)) if isolated else read_as(name, data)
    except UnreadableDocument as unreadable:
        return unreadable.reason
    assert len(document.text) < 1_000_000
    assert SECRET not in document.text
    return ""


SECRET = "what stands in another file"


@pytest.fixture
def small() -> Iterator[IsolatedReaders[Document]]:
    """A child process with little memory."""
    made = IsolatedReaders(document_json, Limits(memory_bytes=200_000_000))
    yield made
    made.close()


@pytest.mark.parametrize("suffix", ZIPPED)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_files_cut_short_are_damaged(suffix: str, share: float) -> None:
    data = good(suffix)
    assert reason(f"a{suffix}", data[: int(len(data) * share)]).startswith("damaged: ")


@pytest.mark.parametrize("suffix", ZIPPED)
def test_flipped_bytes_are_read_or_refused_with_a_reason(suffix: str) -> None:
    data = bytearray(good(suffix))
    for position in range(0, len(data), max(1, len(data) // 40)):
        data[position] ^= 0xFF
        assert "parser" not in outcome(f"a{suffix}", bytes(data))
        data[position] ^= 0xFF


@pytest.mark.parametrize("suffix", ZIPPED)
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"just a text", "not a file of this format"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted: it opens with a password only"),
        (OLE + "WordDocument".encode("utf-16-le"), "a Word document of the format before 2007; save it as .docx"),
        (b"PK\x03\x04", "damaged: its end is missing or its directory broken"),
    ],
)
def test_what_is_no_file_of_the_format_is_named(suffix: str, data: bytes, expected: str) -> None:
    assert reason(f"a{suffix}", data) == expected


def test_a_wrong_suffix_is_no_obstacle() -> None:
    document = read_as("a.docx", good(".xlsx"))
    assert document.lines[-1] == "99 | text"
    assert document.notes == ["read as Excel, which is what it holds"]


@pytest.mark.parametrize("suffix", ZIPPED)
def test_members_that_need_a_password(suffix: str) -> None:
    data = bytearray(good(suffix))
    # The bit that says so, in the directory.
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    assert reason(f"a{suffix}", bytes(data)) == "encrypted: it opens with a password only"


def with_entities(suffix: str, declared: str, used: str) -> bytes:
    """A sound file whose main part declares entities and ends with a use of one."""
    text = member(good(suffix), MAIN[suffix])
    start = text.index("?>") + 2 if text.startswith("<?xml") else 0
    end = text.rindex("</")
    changed_part = f"<!DOCTYPE x [{declared}]>{text[start:end]}{used}{text[end:]}"
    return changed(good(suffix), {MAIN[suffix]: changed_part})


@pytest.mark.parametrize("suffix", ZIPPED)
@pytest.mark.parametrize("used", ["&e11;", '<y a="&e11;"/>'])
def test_entities_that_grow_cost_no_memory(suffix: str, used: str, small: IsolatedReaders[Document]) -> None:
    grown = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    data = with_entities(suffix, f'<!ENTITY e0 "ha">{grown}', used)
    assert outcome(f"a{suffix}", data, small) in ("", "refused: its XML defines entities, as attacks do")


@pytest.mark.parametrize("suffix", ZIPPED)
def test_entities_from_elsewhere_are_not_fetched(suffix: str, small: IsolatedReaders[Document], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    data = with_entities(suffix, f'<!ENTITY e SYSTEM "file://{tmp_path}/secret">', "<y>&e;</y>")
    assert outcome(f"a{suffix}", data, small) in ("", "refused: its XML defines entities, as attacks do")


def bomb(name: str, size: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w", force_zip64=True) as out:
        for _ in range(size // 1_000_000):
            out.write(b" " * 1_000_000)
    return file.getvalue()


def test_a_small_file_that_unfolds_to_much_is_refused() -> None:
    assert reason("a.docx", bomb("word/document.xml", 100_000_000)) == "unfolds to 100 MB or more"


def test_what_the_directory_says_of_its_size_is_not_believed() -> None:
    data = bytearray(bomb("word/document.xml", 30_000_000))
    at = data.find(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 1_000)
    assert reason("a.docx", bytes(data)).startswith(("damaged: ", "unfolds to "))


def test_more_parts_than_any_file_has_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
        for number in range(21_000):
            archive.writestr(f"x{number}", "")
    assert reason("a.docx", file.getvalue()) == "holds more than 20000 parts"


def nested_tables(depth: int) -> str:
    return "<w:tbl><w:tr><w:tc>" * depth + "<w:p><w:r><w:t>deep</w:t></w:r></w:p>" + "</w:tc></w:tr></w:tbl>" * depth


def test_tables_in_tables() -> None:
    assert read_as("a.docx", word(nested_tables(60))).lines == ["deep"]
    assert reason("a.docx", word(nested_tables(10_000))) == "nested too deeply"


@pytest.mark.parametrize(
    ("suffix", "tag"), [(".odt", "text:section"), (".odp", "draw:g"), (".ods", "table:table-row-group")]
)
def test_elements_in_elements(suffix: str, tag: str) -> None:
    assert (
        reason(f"a{suffix}", test_opendocument.made(suffix, f"<{tag}>" * 10_000 + f"</{tag}>" * 10_000))
        == "nested too deeply"
    )


def test_a_sheet_that_claims_all_cells() -> None:
    data = good(".xlsx")
    sheet = member(data, MAIN[".xlsx"])
    start = sheet.index("<dimension")
    claimed = sheet[:start] + '<dimension ref="A1:XFD1048576"/>' + sheet[sheet.index("/>", start) + 2 :]
    merged = claimed.replace("</sheetData>", '</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>')
    document = read_as("a.xlsx", changed(data, {MAIN[".xlsx"]: merged}))
    assert len(document.blocks) == 100


def test_a_sheet_of_wide_and_many_rows_is_read_to_a_limit() -> None:
    data = good(".xlsx")
    sheet = member(data, MAIN[".xlsx"])
    start, end = sheet.index("<sheetData>") + 11, sheet.index("</sheetData>")
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c><c r="XFD{n}"><v>2</v></c></row>' for n in range(1, 20_001))
    document = read_as("a.xlsx", changed(data, {MAIN[".xlsx"]: sheet[:start] + rows + sheet[end:]}))
    assert document.lines[-1] == "1 | 2"
    assert len(document.blocks) == 20_000


def test_a_spreadsheet_of_repeated_cells_is_bounded() -> None:
    cell = '<table:table-cell table:number-columns-repeated="999999999"><text:p>x</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="999999999">{cell}{cell}</table:table-row>'
    document = read_as("a.ods", test_opendocument.made(".ods", f'<table:table table:name="A">{row * 20}</table:table>'))
    assert len(document.blocks) == 21
    assert len(document.text) < 50_000


def test_styles_that_inherit_from_each_other() -> None:
    style = '<w:style w:type="paragraph" w:styleId="{}"><w:basedOn w:val="{}"/></w:style>'
    chain = "".join(style.format(n, n + 1) for n in range(5_000)) + style.format(5_000, 0)
    body = '<w:p><w:pPr><w:pStyle w:val="0"/></w:pPr><w:r><w:t>text</w:t></w:r></w:p>'
    assert read_as("a.docx", word(body, {"styles.xml": chain}, styles="styles.xml")).lines == ["text"]


def test_relations_that_leave_the_file() -> None:
    data = word(
        "<w:p/>", styles="../../../../etc/passwd", comments="file:///etc/passwd", footnotes="http://127.0.0.1:9/x"
    )
    assert read_as("a.docx", data).lines == []
