"""Excel workbooks."""

from __future__ import annotations

import datetime
import io

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.worksheet.table import Table

from openclaw_instructor.documents.document import Document, Location
from tests.documents.office_files import changed, member, outline, read_as


def saved(workbook: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def workbook(*rows: list[object], title: str = "Budget") -> openpyxl.Workbook:
    made = openpyxl.Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    return made


def read_book(made: openpyxl.Workbook) -> Document:
    return read_as("a.xlsx", saved(made))


def test_rows_with_the_names_of_their_columns() -> None:
    made = workbook(["Item", "Price", "Bought"], ["desk", 199.9, datetime.date(2024, 3, 5)], ["chair", 89, None])
    made.active["B2"].number_format = '#,##0.00\\ "€"'
    made.properties.title, made.properties.creator = "Our budget", "Anna"
    document = read_book(made)
    assert outline(document) == [
        "# Budget",
        "Item | Price | Bought",
        "[Item | Price | Bought] desk | 199.90 € | 2024-03-05",
        "[Item | Price | Bought] chair | 89",
    ]
    assert [str(block.location) for block in document.blocks] == [
        "Budget, rows 1-3", "Budget, row 1", "Budget, row 2", "Budget, row 3",
    ]  # fmt: skip
    assert (document.title, document.metadata["author"]) == ("Our budget", "Anna")


def test_titles_above_and_tables_below_one_another() -> None:
    made = workbook(
        ["Stock of May"], [], ["Part", "Quantity"], ["P-1", 3], ["P-2", 4], [], ["P-3", 5], [], ["Name", "Born"],
        ["Anna", datetime.date(1990, 1, 2)], ["Tom", datetime.date(1991, 1, 2)],
    )  # fmt: skip
    assert outline(read_book(made))[1:] == [
        "Stock of May", "Part | Quantity", "[Part | Quantity] P-1 | 3", "[Part | Quantity] P-2 | 4",
        "[Part | Quantity] P-3 | 5", "Name | Born", "[Name | Born] Anna | 1990-01-02", "[Name | Born] Tom | 1991-01-02",
    ]  # fmt: skip


def test_declared_tables_count_more_than_guesses() -> None:
    made = workbook(["a", "b"], ["c", "d"], ["e", "f"], ["sum", 3])
    made.active.add_table(Table(displayName="T", ref="A2:B3"))
    assert outline(read_book(made))[1:] == ["a | b", "c | d", "[c | d] e | f", "sum | 3"]


def test_merged_cells_say_their_text_in_each_row_and_groups_of_columns_name_them() -> None:
    made = workbook(
        ["", "2023", "", "2024", ""], ["Region", "Q1", "Q2", "Q1", "Q2"], ["North", 1, 2, 3, 4], [None, 5, 6, 7, 8],
    )  # fmt: skip
    for area in ("B1:C1", "D1:E1", "A3:A4"):
        made.active.merge_cells(area)
    names = "Region | 2023 Q1 | 2023 Q2 | 2024 Q1 | 2024 Q2"
    assert outline(read_book(made))[-2:] == [f"[{names}] North | 1 | 2 | 3 | 4", f"[{names}] North | 5 | 6 | 7 | 8"]


def test_sheets_are_named_and_hidden_ones_noted() -> None:
    made = workbook(["open"], title="Sheet1")
    made.create_sheet("Secret").append(["hidden"])
    made["Secret"].sheet_state = "veryHidden"
    made.create_sheet("Empty").sheet_state = "hidden"
    made.create_chartsheet("Picture")
    document = read_book(made)
    assert outline(document) == ["# Sheet1", "open", "# Secret", "hidden"]
    assert document.blocks[-1].location == Location("row", 1, 1, "Secret")
    assert document.notes == ["1 of its sheets is hidden; they are read too"]
    assert outline(read_book(workbook(["alone"], title="Tabelle1"))) == ["alone"]


def test_formulas_are_what_they_last_came_to() -> None:
    made = workbook(["Sum"], ["=1+1"], ["=A2&A2"])
    data = saved(made)
    document = read_as("a.xlsx", data)
    assert document.lines == ["Budget", "", "Sum"]
    assert document.notes == [
        "2 formulas have no stored result and are left out; open and save it in a spreadsheet program to find them"
    ]
    sheet = member(data, "xl/worksheets/sheet1.xml").replace("<v></v>", "<v>2</v>").replace("<v />", "<v>2</v>")
    assert read_as("a.xlsx", changed(data, {"xl/worksheets/sheet1.xml": sheet})).lines[2:] == ["Sum", "2", "2"]


def test_values_of_every_type() -> None:
    made = workbook([True, False, "#N/A", "line one\nline two", 0.25, 1234, datetime.time(7, 30), "x_x000D_y"])
    made.active["E1"].number_format = "0.0%"
    made.active["F1"].number_format = "000000"
    assert read_book(made).lines[-1] == "TRUE | FALSE | #N/A | line one line two | 25.0% | 001234 | 07:30:00 | x y"


def test_cells_of_other_writers() -> None:
    """Without references, in place, as rich text, as ISO dates, of styles and texts that are not there."""
    data = saved(workbook(["x"]))
    sheet = member(data, "xl/worksheets/sheet1.xml")
    start, end = sheet.index("<sheetData>"), sheet.index("</sheetData>")
    rows = (
        "<row><c t='inlineStr'><is><r><t>rich </t></r><r><t>text</t></r><rPh><t>reading aid</t></rPh></is></c>"
        "<c t='d'><v>2024-03-05T00:00:00</v></c><c s='99'><v>7</v></c><c t='s'><v>99</v></c><c><v>odd</v></c></row>"
        "<row r='0'><c r='A0' t='str'><v>next</v></c></row>"
        "<row r='9'><c r='?'><v>1</v></c><c r='ZZZZ9'><v>2</v></c></row>"
    )
    written = f"{sheet[:start]}<sheetData>{rows}{sheet[end:]}"
    document = read_as("a.xlsx", changed(data, {"xl/worksheets/sheet1.xml": written}))
    assert document.lines[2:] == ["rich text | 2024-03-05 | 7 | odd", "next", "", "1 | 2"]


def test_texts_that_cells_share() -> None:
    data = saved(workbook(["x"]))
    sheet = member(data, "xl/worksheets/sheet1.xml")
    start, end = sheet.index("<sheetData>"), sheet.index("</sheetData>")
    rows = "<row><c t='s'><v>1</v></c><c t='s'><v>0</v></c><c t='s'><v>2</v></c></row>"
    related = member(data, "xl/_rels/workbook.xml.rels").replace(
        "</Relationships>", '<Relationship Id="rS" Type="x/sharedStrings" Target="/xl/strings.xml"/></Relationships>'
    )
    members = {
        "xl/worksheets/sheet1.xml": f"{sheet[:start]}<sheetData>{rows}{sheet[end:]}",
        "xl/_rels/workbook.xml.rels": related,
        "xl/strings.xml": "<sst><si><t>zero</t></si><si><r><t>o</t></r><r><t>ne</t></r></si><si/></sst>",
    }
    assert read_as("a.xlsx", changed(data, members)).lines[2:] == ["one | zero"]


def test_comments_and_boxes_are_read_at_their_row() -> None:
    made = workbook(["Part"], ["P-1"], ["P-2"])
    made.active["A2"].comment = Comment("ordered by Tom", "Anna")
    assert read_book(made).lines[2:] == ["Part", "P-1", "[Comment on A2: ordered by Tom]", "P-2"]


def test_dates_from_1904() -> None:
    made = workbook([datetime.date(2024, 3, 5)])
    made.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    assert read_book(made).lines[-1] == "2024-03-05"


@pytest.mark.parametrize("name", ["a.xlsx", "a.xlsm", "a.xltx", "a.xltm"])
def test_every_kind_of_workbook_is_read(name: str) -> None:
    assert read_as(name, saved(workbook(["text"]))).lines[-1] == "text"


def test_far_cells_cost_no_room() -> None:
    made = workbook(["Part", "Price"], ["P-1", 3])
    made.active["XFD1048576"] = "far"
    document = read_book(made)
    assert document.lines[2:] == ["Part | Price", "P-1 | 3", "", "|  | far"]
    assert str(document.blocks[-1].location) == "Budget, row 1048576"


def test_the_strict_form_is_read() -> None:
    data = saved(workbook(["Part", "Price"], ["P-1", 3]))
    for part in ("xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"):
        text = member(data, part).replace(
            "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main"
        )
        text = text.replace(
            "http://schemas.openxmlformats.org/officeDocument/2006/", "http://purl.oclc.org/ooxml/officeDocument/"
        )
        data = changed(data, {part: text})
    assert read_as("a.xlsx", data).lines[2:] == ["Part | Price", "P-1 | 3"]
