"""Word documents."""

from __future__ import annotations

import datetime
import io

import docx
import pytest

from openclaw_instructor.documents.document import Document
from tests.documents.office_files import changed, member, outline, packed, read_as, relations, word

P = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"


def paragraph(text: str, style: str = "", properties: str = "") -> str:
    styled = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{styled}{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def read_word(body: str, parts: dict[str, str] | None = None, **targets: str) -> Document:
    return read_as("a.docx", word(body, parts, **targets))


def saved(document: docx.document.Document) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def test_a_document_of_python_docx() -> None:
    made = docx.Document()
    made.core_properties.title = "The plan"
    made.core_properties.author = "Anna Müller"
    made.core_properties.modified = datetime.datetime(2024, 3, 5, 12, 30)
    made.core_properties.keywords = "money; desks"
    made.add_heading("Budget", 1)
    made.add_paragraph("All of it.")
    made.add_heading("Desks", 2)
    made.add_paragraph("oak", style="List Bullet")
    made.add_paragraph("pine", style="List Bullet")
    made.add_paragraph("first", style="List Number")
    made.add_paragraph("second", style="List Number")
    table = made.add_table(rows=3, cols=2)
    for row, cells in zip(table.rows, (("Item", "Price"), ("oak", "199.90"), ("pine", "89.00")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    made.sections[0].header.paragraphs[0].text = "Confidential"
    made.sections[0].footer.paragraphs[0].text = "Page 1"
    document = read_as("plan.docx", saved(made))
    assert outline(document) == [
        "# Budget",
        "All of it.",
        "## Desks",
        "- oak",
        "- pine",
        "1. first",
        "2. second",
        "Item | Price",
        "[Item | Price] oak | 199.90",
        "[Item | Price] pine | 89.00",
    ]
    assert document.title == "The plan"
    assert document.metadata == {"author": "Anna Müller", "date": "2024-03-05T12:30:00Z", "tags": ["money", "desks"]}
    assert document.lines[:4] == ["Budget", "", "All of it.", ""]
    assert document.notes == []


STYLES = (
    '<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Mine"><w:name w:val="My part"/><w:basedOn w:val="berschrift1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Outlined"><w:name w:val="Clause"/>'
    '<w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Body"><w:name w:val="Body"/><w:basedOn w:val="berschrift1"/>'
    '<w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="T"><w:name w:val="Title"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Titre2"><w:name w:val="Titre 2"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="H"><w:name w:val="Заголовок 3"/></w:style>'
)


def test_headings_by_style_in_every_language_and_by_outline_level() -> None:
    document = read_word(
        paragraph("Contents", "TOC1")
        + paragraph("The book", "T")
        + paragraph("German", "berschrift1")
        + paragraph("Based on it", "Mine")
        + paragraph("By level", "Outlined")
        + paragraph("No heading", "Body")
        + paragraph("Loop", "Loop")
        + paragraph("French", "Titre2")
        + paragraph("Russian", "H")
        + paragraph("Not declared", "Heading4")
        + paragraph("Own level", properties='<w:outlineLvl w:val="0"/>')
        + paragraph("x" * 300, "berschrift1"),
        {"styles.xml": STYLES},
        styles="styles.xml",
    )
    assert outline(document) == [
        "# The book", "# German", "# Based on it", "### By level", "No heading", "Loop", "## French", "### Russian",
        "#### Not declared", "# Own level", "x" * 300,
    ]  # fmt: skip
    assert document.title == "The book"


def test_bold_lines_are_headings_where_there_are_no_others() -> None:
    bold = "<w:p><w:r><w:rPr><w:b/></w:rPr><w:t>{}</w:t></w:r></w:p>"
    body = bold.format("Terms") + P.format("Text.") + bold.format("A whole sentence.") + P.format("More.")
    assert outline(read_word(body)) == ["# Terms", "Text.", "A whole sentence.", "More."]
    assert outline(read_word(paragraph("Real", "Heading1") + body)) == [
        "# Real", "Terms", "Text.", "A whole sentence.", "More.",
    ]  # fmt: skip


NUMBERING = (
    '<w:abstractNum w:abstractNumId="7">'
    '<w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/><w:lvlText w:val="§ %1"/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>'
    '<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/><w:lvlText w:val="(%3)"/></w:lvl>'
    '<w:lvl w:ilvl="3"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl>'
    '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
)


def test_numbers_that_word_makes_are_read() -> None:
    def item(text: str, level: int, number: int = 1) -> str:
        return paragraph(text, properties=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')

    body = (
        item("a", 0) + item("b", 1) + item("c", 1) + item("d", 2) + item("e", 2) + item("f", 0) + item("g", 1)
        + item("h", 3) + item("i", 0, 99) + item("j", 0, 0)
    )  # fmt: skip
    document = read_word(body, {"numbering.xml": NUMBERING}, numbering="numbering.xml")
    assert document.lines == [
        "§ 3 a", "3.a) b", "3.b) c", "(I) d", "(II) e", "§ 4 f", "4.a) g", "- h", "- i", "j",
    ]  # fmt: skip


def test_what_is_deleted_hidden_or_a_prompt_is_left_out() -> None:
    document = read_word(
        "<w:p><w:r><w:t>kept </w:t></w:r>"
        "<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>moved away</w:t></w:r></w:moveFrom>"
        "<w:ins><w:r><w:t>inserted </w:t></w:r></w:ins>"
        "<w:moveTo><w:r><w:t>moved here </w:t></w:r></w:moveTo>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
        '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>shown </w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>PAGEREF x</w:instrText></w:r>'
        "<w:hyperlink><w:r><w:t>linked</w:t></w:r></w:hyperlink>"
        "<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr>"
        "<w:sdtContent><w:r><w:t>Click here</w:t></w:r></w:sdtContent></w:sdt>"
        "<w:sdt><w:sdtContent><w:r><w:t> chosen</w:t></w:r></w:sdtContent></w:sdt></w:p>"
        '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
        f"<w:sdtContent>{P.format('Budget 3')}</w:sdtContent></w:sdt>"
        f"<w:sdt><w:sdtContent>{P.format('in a control')}</w:sdtContent></w:sdt>"
    )
    assert outline(document) == ["kept inserted moved here shown linked chosen", "in a control"]


def test_breaks_tabs_and_signs() -> None:
    document = read_word(
        "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:br w:type='page'/><w:t>d</w:t>"
        "<w:noBreakHyphen/><w:t>e</w:t><w:softHyphen/><w:t>f</w:t></w:r></w:p>"
    )
    assert document.lines == ["a\tb", "cd-ef"]


def test_footnotes_and_comments_stand_behind_their_paragraph() -> None:
    note = '<w:{0} w:id="{1}"><w:p><w:r><w:t>{2}</w:t></w:r></w:p></w:{0}>'
    document = read_word(
        '<w:p><w:r><w:t>Text</w:t><w:footnoteReference w:id="2"/></w:r><w:r><w:commentReference w:id="0"/></w:r></w:p>'
        '<w:p><w:r><w:t>Next</w:t><w:endnoteReference w:id="5"/><w:footnoteReference w:id="2"/></w:r></w:p>',
        {
            "footnotes.xml": note.format("footnote", 2, "the foot") + note.format("footnote", 0, "separator"),
            "endnotes.xml": note.format("endnote", 5, "the end"),
            "comments.xml": '<w:comment w:id="0" w:author="Tom"><w:p><w:r><w:t>why?</w:t></w:r></w:p></w:comment>',
        },
        footnotes="footnotes.xml",
        endnotes="endnotes.xml",
        comments="comments.xml",
    )
    assert document.lines == ["Text", "[the foot]", "[Comment by Tom: why?]", "", "Next", "[the end]"]


def test_boxes_are_read_once_and_pictures_say_what_they_show() -> None:
    box = "<w:pict><w:txbxContent>" + P.format("in the box") + "</w:txbxContent></w:pict>"
    document = read_word(
        f"<w:p><w:r><w:t>around</w:t><w:AlternateContent><w:Choice>{box}</w:Choice><w:Fallback>{box}</w:Fallback>"
        "</w:AlternateContent></w:r></w:p>"
        '<w:p><w:r><w:drawing><w:docPr descr="a red desk"/></w:drawing></w:r></w:p>'
        '<w:p><w:r><w:drawing><w:docPr descr="A dog. Description automatically generated"/></w:drawing></w:r></w:p>'
    )
    assert outline(document) == ["around", "in the box", "[a red desk]"]


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{P.format(text) if text else '<w:p/>'}</w:tc>"


def row(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


def test_merged_cells_keep_their_columns() -> None:
    document = read_word(
        "<w:tbl>"
        + row(cell("Region"), cell("City"), cell("Sales"), properties="<w:tblHeader/>")
        + row(cell("North", '<w:vMerge w:val="restart"/>'), cell("Kiel"), cell("10"))
        + row(cell("", "<w:vMerge/>"), cell("Bremen"), cell("20"))
        + row(cell("all", '<w:gridSpan w:val="2"/>'), cell("30"))
        + row(cell("gone"), cell("gone"), cell("1"), properties="<w:del/>")
        + f"<w:sdt><w:sdtContent>{row(cell('South'), cell('Ulm'), cell('5'))}</w:sdtContent></w:sdt></w:tbl>"
    )
    names = "[Region | City | Sales] "
    assert outline(document) == [
        "Region | City | Sales", f"{names}North | Kiel | 10", f"{names}North | Bremen | 20", f"{names}all |  | 30",
        f"{names}South | Ulm | 5",
    ]  # fmt: skip


def test_tables_that_only_place_text_are_text() -> None:
    heading = paragraph("Skills", "Heading2")
    document = read_word(
        f"<w:tbl><w:tr><w:tc>{heading}{P.format('Python')}</w:tc><w:tc>{P.format('Photo')}</w:tc></w:tr></w:tbl>"
        f"<w:tbl><w:tr><w:tc>{P.format('alone')}</w:tc></w:tr></w:tbl>"
    )
    assert outline(document) == ["## Skills", "Python", "Photo", "alone"]


def test_formulas_are_one_line() -> None:
    def run(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    document = read_word(
        '<w:p xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><w:r><w:t>so </w:t></w:r><m:oMath>'
        f"<m:sSup><m:e>{run('x')}</m:e><m:sup>{run('2')}</m:sup></m:sSup>"
        f"<m:f><m:num>{run('a')}</m:num><m:den>{run('b')}</m:den></m:f></m:oMath></w:p>"
    )
    assert document.lines == ["so x^2a/b"]


def test_other_files_inside_are_said() -> None:
    document = read_word(P.format("a") + '<w:altChunk r:id="x"/>')
    assert document.notes == ["holds another file within it, which is not read"]


@pytest.mark.parametrize("name", ["a.docx", "a.docm", "a.dotx", "a.dotm"])
def test_every_kind_of_word_file_is_read(name: str) -> None:
    assert read_as(name, word(P.format("text"))).lines == ["text"]


def test_the_strict_form_is_read() -> None:
    made = docx.Document()
    made.add_heading("Strict", 1)
    made.add_paragraph("Text.")
    data = saved(made)
    for part in ("word/document.xml", "word/styles.xml", "_rels/.rels", "word/_rels/document.xml.rels"):
        text = member(data, part).replace(
            "http://schemas.openxmlformats.org/officeDocument/2006/", "http://purl.oclc.org/ooxml/officeDocument/"
        )
        text = text.replace(
            "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            "http://purl.oclc.org/ooxml/wordprocessingml/main",
        )
        data = changed(data, {part: text})
    assert outline(read_as("a.docx", data)) == ["# Strict", "Text."]


def test_a_relation_to_nothing_and_odd_names_do_no_harm() -> None:
    data = word(P.format("text"), styles="NULL", numbering="../word/numbering.xml", comments="file%20x.xml")
    assert read_as("a.docx", data).lines == ["text"]
    backslashes = packed(
        {
            "_rels\\.rels": relations(officeDocument="/word\\document.xml"),
            "WORD\\Document.xml": member(data, "word/document.xml"),
        }
    )
    assert read_as("a.docx", backslashes).lines == ["text"]


def test_titles_of_every_new_file_are_none() -> None:
    made = docx.Document()
    made.core_properties.title = "Microsoft Word - Document1"
    made.add_heading("Real", 1)
    assert read_as("a.docx", saved(made)).title == "Real"
