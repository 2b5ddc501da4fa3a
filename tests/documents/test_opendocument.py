"""OpenDocument texts, spreadsheets and presentations."""

from __future__ import annotations

import pytest

from openclaw_instructor.documents.document import Location, UnreadableDocument
from tests.documents.office_files import outline, packed, read_as

_SPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office", "text": "text", "table": "table", "style": "style", "draw": "drawing",
        "presentation": "presentation", "fo": "xsl-fo-compatible", "meta": "meta",
    }.items()
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip
_TYPES = {".odt": "text", ".ods": "spreadsheet", ".odp": "presentation"}
STYLES = """
<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Heading_20_2"/>
<style:style style:name="P2" style:family="paragraph" style:parent-style-name="Title"/>
<style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/></style:style>
<text:list-style style:name="L1">
<text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>
<text:list-level-style-number text:level="2" style:num-format="a" style:num-prefix="(" style:num-suffix=")"/>
</text:list-style>
<text:list-style style:name="L2"><text:list-level-style-bullet text:level="1" text:bullet-char="•"/></text:list-style>
"""


def made(suffix: str, body: str, meta: str = "", **parts: str) -> bytes:
    """An OpenDocument file of that body."""
    kind = _TYPES[suffix]
    content = (
        f"<office:document-content {_SPACES}><office:automatic-styles>{STYLES}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    return packed(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": content,
            "meta.xml": f"<office:document-meta {_SPACES}><office:meta>{meta}</office:meta></office:document-meta>",
            **parts,
        }
    )


def test_a_text_with_headings_lists_and_spaces() -> None:
    document = read_as(
        "a.odt",
        made(
            ".odt",
            """<text:sequence-decls/><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>
            <text:p text:style-name="P2">The plan</text:p>
            <text:table-of-content><text:index-body><text:p>Budget 3</text:p></text:index-body></text:table-of-content>
            <text:h text:outline-level="1">Budget</text:h>
            <text:p>All
              of<text:s text:c="2"/>it<text:tab/>and<text:line-break/>more <text:span>here</text:span>.</text:p>
            <text:section><text:p text:style-name="P1">Desks</text:p></text:section>
            <text:list text:style-name="L1">
              <text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>deep</text:p></text:list-item>
              <text:list-item><text:p>deeper</text:p></text:list-item></text:list></text:list-item>
              <text:list-header><text:p>between</text:p></text:list-header>
              <text:list-item><text:p>two</text:p><text:p>still two</text:p></text:list-item></text:list>
            <text:list text:style-name="L2"><text:list-item><text:p>dot</text:p></text:list-item></text:list>""",
            "<dc:title>Plan A</dc:title><meta:initial-creator>Anna</meta:initial-creator>"
            "<dc:date>2024-03-05T12:30:00</dc:date>"
            "<meta:keyword>money</meta:keyword><meta:keyword>desks, oak</meta:keyword><dc:language>de</dc:language>",
        ),
    )
    assert outline(document) == [
        "# The plan", "# Budget", "All of  it\tand\nmore here.", "## Desks", "1. one", "(a) deep", "(b) deeper",
        "between", "2. two", "still two", "- dot",
    ]  # fmt: skip
    assert document.title == "The plan"
    assert document.metadata == {
        "author": "Anna", "date": "2024-03-05T12:30:00", "tags": ["money", "desks", "oak"], "language": "de",
    }  # fmt: skip


def test_footnotes_comments_and_boxes_stand_behind_their_paragraph() -> None:
    document = read_as(
        "a.odt",
        made(
            ".odt",
            """<text:p>Text<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>the
            foot</text:p></text:note-body></text:note><office:annotation><dc:creator>Tom</dc:creator><text:p>why?</text:p>
            </office:annotation> goes on<draw:frame><draw:text-box><text:p>in the
            box</text:p></draw:text-box></draw:frame>.
            </text:p>""",
        ),
    )
    assert document.lines == ["Text goes on.", "[the foot]", "[Comment by Tom: why?]", "", "in the box"]


def test_tables_of_a_text() -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"

    document = read_as(
        "a.odt",
        made(
            ".odt",
            f"""<table:table><table:table-header-rows><table:table-row>{cell("Region")}{cell("City")}</table:table-row>
            </table:table-header-rows><table:table-row>{cell("North", 'table:number-rows-spanned="2"')}{cell("Kiel")}
            </table:table-row><table:table-row><table:covered-table-cell/>{cell("Bremen")}</table:table-row>
            <table:table-row>{cell("everywhere", 'table:number-columns-spanned="2"')}<table:covered-table-cell/>
            </table:table-row></table:table>
            <table:table><table:table-row>{cell("only placed")}</table:table-row></table:table>""",
        ),
    )
    names = "[Region | City] "
    assert outline(document) == [
        "Region | City", f"{names}North | Kiel", f"{names}North | Bremen", f"{names}everywhere", "only placed",
    ]  # fmt: skip


def test_a_spreadsheet_says_what_its_cells_show() -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell {more}>{f'<text:p>{text}</text:p>' if text else ''}</table:table-cell>"

    def row(*cells: str, more: str = "") -> str:
        return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"

    rows = (
        row(cell("Item"), cell("Price"), cell("Bought"))
        + row(
            cell("desk"),
            cell("199,90 €", 'office:value-type="currency" office:value="199.9"'),
            cell("5. März", 'office:value-type="date" office:date-value="2024-03-05T00:00:00"'),
        )
        + row("<table:table-cell/>", more='table:number-rows-repeated="100000"')
        + row(cell("zero", 'table:number-columns-repeated="2"'), cell("", 'office:value-type="float" office:value="7"'))
    )
    hidden = f'<table:table table:name="Old" table:style-name="ta2">{row(cell("gone"))}</table:table>'
    document = read_as("a.ods", made(".ods", f'<table:table table:name="Budget">{rows}</table:table>{hidden}'))
    assert outline(document) == [
        "# Budget",
        "Item | Price | Bought",
        "[Item | Price | Bought] desk | 199,90 € | 2024-03-05",
        "[Item | Price | Bought] zero | zero | 7",
        "# Old",
        "gone",
    ]
    assert document.blocks[3].location == Location("row", 100_003, 100_003, "Budget")
    assert document.notes == ["1 of its sheets is hidden; they are read too"]


def test_slides_with_notes() -> None:
    box = '<draw:frame presentation:class="{}"><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>'
    document = read_as(
        "a.odp",
        made(
            ".odp",
            f"<draw:page>{box.format('title', 'Where we stand')}{box.format('outline', 'Sales grew')}"
            f"<draw:g><draw:custom-shape><text:p>in a group</text:p></draw:custom-shape></draw:g>"
            f"{box.format('page-number', '1')}<presentation:notes>{box.format('notes', 'Mention rain.')}"
            "</presentation:notes></draw:page>"
            f"<draw:page>{box.format('', 'Thanks')}{box.format('', 'all')}</draw:page>",
        ),
    )
    assert outline(document) == [
        "# Where we stand", "Sales grew", "in a group", "Notes: Mention rain.", "# Thanks", "all",
    ]  # fmt: skip
    assert [str(block.location) for block in document.blocks if block.level] == ["slide 1", "slide 2"]
    assert document.title == "Where we stand"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"META-INF/manifest.xml": "<m><encryption-data/></m>"}, "encrypted: it opens with a password only"),
        ({"content.xml": "<broken"}, "damaged: its parts cannot be read"),
    ],
)
def test_what_cannot_be_read_says_why(parts: dict[str, str], reason: str) -> None:
    with pytest.raises(UnreadableDocument) as raised:
        read_as("a.odt", made(".odt", "<text:p>x</text:p>", "", **parts))
    assert raised.value.reason == reason
