"""PowerPoint presentations."""

from __future__ import annotations

import io

import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from openclaw_instructor.documents.document import Location
from tests.documents.office_files import changed, member, outline, read_as

BOX = (Inches(1), Inches(1), Inches(4), Inches(2))
CONTENT, TITLE_ONLY, BLANK = 1, 5, 6


def saved(presentation: pptx.presentation.Presentation) -> bytes:
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


def deck() -> pptx.presentation.Presentation:
    made = pptx.Presentation()
    made.core_properties.author = "Anna"
    slide = made.slides.add_slide(made.slide_layouts[CONTENT])
    slide.shapes.title.text = "Where we\vstand"
    frame = slide.placeholders[1].text_frame
    frame.text = "Sales grew"
    deeper = frame.add_paragraph()
    deeper.text, deeper.level = "in the north", 1
    slide.notes_slide.notes_text_frame.text = "Mention the weather."
    return made


def test_slides_with_titles_levels_and_notes() -> None:
    document = read_as("deck.pptx", saved(deck()))
    assert outline(document) == ["# Where we stand", "Sales grew\n  in the north", "Notes: Mention the weather."]
    assert [block.location for block in document.blocks] == [Location("slide", 1, 1)] * 3
    assert document.title == "Where we stand"
    assert document.metadata["author"] == "Anna"


def test_tables_groups_charts_and_pictures() -> None:
    made = deck()
    slide = made.slides.add_slide(made.slide_layouts[TITLE_ONLY])
    slide.shapes.title.text = "Numbers"
    table = slide.shapes.add_table(3, 2, *BOX).table
    for index, text in enumerate(("City", "Sales", "Kiel", "10", "Ulm", "20")):
        table.cell(index // 2, index % 2).text = text
    group = slide.shapes.add_group_shape()
    inner = group.shapes.add_group_shape()
    inner.shapes.add_textbox(*BOX).text_frame.text = "deep in groups"
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("North", (1.5, 2.5))
    data.add_series("South", (3, 4))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *BOX, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Sales by quarter"
    document = read_as("deck.pptx", saved(made))
    assert outline(document)[3:] == [
        "# Numbers",
        "City | Sales",
        "[City | Sales] Kiel | 10",
        "[City | Sales] Ulm | 20",
        "deep in groups",
        "Sales by quarter",
        "| North | South",
        "[| North | South] Q1 | 1.5 | 3",
        "[| North | South] Q2 | 2.5 | 4",
    ]
    assert {block.location for block in document.blocks[3:]} == {Location("slide", 2, 2)}


def test_a_slide_without_a_title_stands_under_its_first_line() -> None:
    made = deck()
    slide = made.slides.add_slide(made.slide_layouts[BLANK])
    slide.shapes.add_textbox(*BOX).text_frame.text = "Thanks\nto all"
    made.slides.add_slide(made.slide_layouts[BLANK])
    document = read_as("deck.pptx", saved(made))
    assert outline(document)[3:] == ["# Thanks", "to all"]


def test_slides_are_counted_as_they_are_shown() -> None:
    made = deck()
    slide = made.slides.add_slide(made.slide_layouts[TITLE_ONLY])
    slide.shapes.title.text = "First now"
    order = made.slides._sldIdLst
    order.insert(0, order[1])
    document = read_as("deck.pptx", saved(made))
    assert [(block.heading, str(block.location)) for block in document.blocks if block.level] == [
        ("First now", "slide 1"),
        ("Where we stand", "slide 2"),
    ]


A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
FIELD = '<a:fld type="slidenum"><a:t>9</a:t></a:fld><a:br/>'
DGM = 'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'


def test_diagrams_comments_fields_and_alternatives() -> None:
    def shape(paragraph: str, placeholder: str = "") -> str:
        kind = f'<p:nvSpPr><p:nvPr><p:ph type="{placeholder}"/></p:nvPr></p:nvSpPr>' if placeholder else ""
        return f"<p:sp>{kind}<p:txBody><a:p>{paragraph}</a:p></p:txBody></p:sp>"

    def run(text: str) -> str:
        return f"<a:r><a:t>{text}</a:t></a:r>"

    data = saved(deck())
    slide = (
        f"<p:sld {A} {P} {R} {DGM}><p:cSld><p:spTree>{shape(run('7'), 'sldNum')}"
        f"{shape(run('One ') + FIELD + run('two'))}"
        '<p:graphicFrame><a:graphic><a:graphicData><dgm:relIds r:dm="rD"/></a:graphicData></a:graphic></p:graphicFrame>'
        '<p:pic><p:nvPicPr><p:cNvPr descr="our house"/></p:nvPicPr></p:pic>'
        f"<x:AlternateContent xmlns:x='x'><x:Choice>{shape(run('new'))}</x:Choice>"
        f"<x:Fallback>{shape(run('old'))}</x:Fallback></x:AlternateContent></p:spTree></p:cSld></p:sld>"
    )
    related = member(data, "ppt/slides/_rels/slide1.xml.rels").replace(
        "</Relationships>",
        '<Relationship Id="rD" Type="x/diagramData" Target="../diagrams/data1.xml"/>'
        '<Relationship Id="rC" Type="x/comments" Target="../comments/comment1.xml"/></Relationships>',
    )
    points = "".join(f"<dgm:pt><dgm:t><a:p>{run(text)}</a:p></dgm:t></dgm:pt>" for text in ("Plan", "Build"))
    data = changed(
        data,
        {
            "ppt/slides/slide1.xml": slide,
            "ppt/slides/_rels/slide1.xml.rels": related,
            "ppt/diagrams/data1.xml": f"<dgm:dataModel {A} {DGM}><dgm:ptLst>{points}</dgm:ptLst></dgm:dataModel>",
            "ppt/comments/comment1.xml": f"<p:cmLst {P}><p:cm><p:text>Why two?</p:text></p:cm></p:cmLst>",
        },
    )
    assert outline(read_as("deck.pptx", data)) == [
        "# One", "two", "Plan\nBuild", "[our house]", "new", "Notes: Mention the weather.", "[Comment: Why two?]",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a.pptx", "a.pptm", "a.ppsx", "a.potx"])
def test_every_kind_of_presentation_is_read(name: str) -> None:
    assert read_as(name, saved(deck())).title == "Where we stand"


def test_a_slide_that_is_missing_costs_only_itself() -> None:
    made = deck()
    slide = made.slides.add_slide(made.slide_layouts[TITLE_ONLY])
    slide.shapes.title.text = "Second"
    data = saved(made)
    related = member(data, "ppt/_rels/presentation.xml.rels").replace("slides/slide1.xml", "slides/gone.xml")
    document = read_as("a.pptx", changed(data, {"ppt/_rels/presentation.xml.rels": related}))
    assert [(block.heading, str(block.location)) for block in document.blocks] == [("Second", "slide 2")]
