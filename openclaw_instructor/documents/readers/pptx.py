"""Read presentations: slides under their titles, with tables, charts, diagrams, speaker notes and comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.archive import attribute, child, local
from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.document import Document, Location
from openclaw_instructor.documents.drawing import (
    body_text,
    chart_rows,
    chart_title,
    descendants,
    table_rows,
)
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.ooxml import Package
from openclaw_instructor.documents.tables import add_table, find_header

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_TITLES = ("title", "ctrTitle")
# Placeholders that repeat on every slide.
_FURNITURE = ("sldNum", "dt", "ftr", "hdr", "sldImg")


def read(data: bytes, path: PurePath) -> Document:
    """Read a presentation. Its title is that of its properties, else that of its first slide."""
    package = Package(data)
    main = package.main_part("ppt")
    presentation = package.archive.xml(main)
    slides = descendants(presentation, "sldId") if presentation is not None else iter(())
    builder = DocumentBuilder()
    for number, slide in enumerate(slides, start=1):
        if builder.is_full:
            break
        _Slide(package, package.referred(main, slide), builder, number).run()
    document = builder.document("", package.metadata())
    first = next((block.heading for block in document.blocks if block.level), "")
    return replace(document, title=package.title() or first)


class _Slide:
    def __init__(self, package: Package, part: str, builder: DocumentBuilder, number: int) -> None:
        self.package = package
        self.part = part
        self.builder = builder
        self.location = Location("slide", number, number)

    def run(self) -> None:
        root = self.package.archive.xml(self.part)
        if root is None:
            return
        shapes = list(descendants(root, "sp", "graphicFrame", "pic"))
        titles = [shape for shape in shapes if _placeholder(shape) in _TITLES]
        title = " ".join(" ".join(map(_text, titles)).split())
        self.builder.heading(title, 1, self.location)
        for shape in shapes:
            if shape not in titles:
                title = self._shape(shape, title)
        self._notes()
        self._comments()

    def _shape(self, shape: Element, title: str) -> str:
        """Add a shape to a slide of that title, and return the title.

        A slide without a title takes its first line of text, because otherwise it would appear under the title of the
        slide before.
        """
        if local(shape) == "graphicFrame":
            self._frame(shape)
        elif text := _text(shape):
            if not title:
                title, _, text = text.partition("\n")
                self.builder.heading(title, 1, self.location)
            self.builder.paragraph(text, self.location)
        return title

    def _frame(self, frame: Element) -> None:
        for found in descendants(frame, "tbl", "chart", "relIds"):
            if local(found) == "tbl":
                rows = table_rows(found)
                properties = child(found, "tblPr")
                named = properties is not None and attribute(properties, "firstRow") in ("1", "true")
                self._table(rows, 0 if named and len(rows) > 1 else find_header(rows))
            elif local(found) == "chart":
                self._chart(self.package.archive.xml(self.package.referred(self.part, found)))
            else:
                self._diagram(self.package.archive.xml(self.package.target(self.part, attribute(found, "dm"))))

    def _table(self, rows: list[list[str]], header: int | None) -> None:
        add_table(self.builder, rows, [self.location] * len(rows), header)

    def _chart(self, chart: Element | None) -> None:
        if chart is not None:
            self.builder.paragraph(chart_title(chart), self.location)
            self._table(chart_rows(chart), 0)

    def _diagram(self, diagram: Element | None) -> None:
        points = descendants(diagram, "pt") if diagram is not None else ()
        texts = [body_text(body) for point in points if (body := child(point, "t")) is not None]
        self.builder.paragraph("\n".join(filter(None, texts)), self.location)

    def _notes(self) -> None:
        for root in self.package.related_xml(self.part, "notesslide"):
            for shape in descendants(root, "sp"):
                if _placeholder(shape) == "body" and (text := _text(shape)):
                    self.builder.paragraph(f"Notes: {text}", self.location)

    def _comments(self) -> None:
        for root in self.package.related_xml(self.part, "comments"):
            for comment in _comments(root):
                self.builder.paragraph(f"[Comment: {comment}]", self.location)


def _comments(root: Element) -> Iterator[str]:
    """Read the comments and replies of a slide, in the classic and the threaded format."""
    for found in descendants(root, "text", "txBody"):
        text = found.text or "" if local(found) == "text" else body_text(found)
        if text := " ".join(text.split()):
            yield text


def _text(shape: Element) -> str:
    if _placeholder(shape) in _FURNITURE:
        return ""
    if local(shape) == "pic":
        described = next((attribute(found, "descr") for found in descendants(shape, "cNvPr")), "").strip()
        return f"[{described}]" if described and "generated" not in described[-40:] else ""
    body = child(shape, "txBody")
    return body_text(body) if body is not None else ""


def _placeholder(shape: Element) -> str:
    """Return the placeholder type of a shape in the slide layout; "" if it is not a placeholder."""
    for properties in shape:
        found = child(properties, "nvPr", "ph")
        if found is not None:
            return attribute(found, "type") or "obj"
    return ""


FORMATS = (
    Format(
        "PowerPoint", (".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), read, max_bytes=100_000_000, isolated=True
    ),
)
