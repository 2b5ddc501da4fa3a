"""Read PDF: text page by page in reading order, under the headings of its outline or its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.dates import pdf_date
from openclaw_instructor.documents.document import Document, Location, UnreadableDocument
from openclaw_instructor.documents.formats import Format

if TYPE_CHECKING:
    import pypdfium2

    from openclaw_instructor.documents.pdf.extraction import Page
    from openclaw_instructor.documents.pdf.headings import Headings
    from openclaw_instructor.documents.pdf.layout import Line
    from openclaw_instructor.documents.pdf.paragraphs import Paragraph
    from openclaw_instructor.documents.pdf.running import Running

# Titles that programs write by default.
_NO_TITLE = re.compile(
    r"untitled.*|.*\.(?:docx?|odt|rtf|tex|dvi|indd|pdf|html?|qxd|pptx?|xlsx?)|microsoft \w+ - .*|document\d*|\W*",
    re.IGNORECASE,
)
_MAX_OUTLINE = 20_000
_MAX_BYTES = 200_000_000


def read(data: bytes, path: PurePath) -> Document:
    """Read a file. Raises UnreadableDocument for one that is encrypted, damaged or without any text."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadableDocument("encrypted: it opens with a password only") from error
        raise UnreadableDocument("damaged, or no PDF") from error
    try:
        return _read(document)
    finally:
        document.close()


def _read(document: pypdfium2.PdfDocument) -> Document:
    from openclaw_instructor.documents.pdf.extraction import read_page
    from openclaw_instructor.documents.pdf.headings import Headings
    from openclaw_instructor.documents.pdf.layout import lines_of
    from openclaw_instructor.documents.pdf.running import Running

    pages, damaged = [], []
    for number in range(1, len(document) + 1):
        try:
            pages.append(read_page(document, number))
        except Exception:  # PDFium and its wrapper raise various exceptions on a broken page; the other pages are read
            damaged.append(number)
    running = Running(pages)
    lines = {page.number: lines_of(running.without(page)) for page in pages}
    headings = Headings(((number, line) for number, found in lines.items() for line in found), _outline(document))
    builder = DocumentBuilder()
    for paragraph in _paragraphs(pages, lines, headings, running):
        location = Location("page", paragraph.page, paragraph.page)
        if paragraph.is_code:
            builder.verbatim(paragraph.text, location)
        elif paragraph.level:
            builder.heading(paragraph.text, paragraph.level, location)
        else:
            builder.paragraph(paragraph.text, location)
    title, metadata = _stated(document)
    result = builder.document(title, metadata, _notes(pages, damaged))
    if not result.blocks:
        raise UnreadableDocument(_why_empty(pages, damaged))
    first = next((block.heading for block in result.blocks if block.level == 1), "")
    return replace(result, title=result.title or first)


def _paragraphs(
    pages: Iterable[Page], lines: dict[int, list[Line]], headings: Headings, running: Running
) -> Iterator[Paragraph]:
    from openclaw_instructor.documents.pdf.paragraphs import Paragraph, Words, mend_pages, paragraphs

    words = Words(line.text for found in lines.values() for line in found)
    before: Paragraph | None = None
    for page in pages:
        found = list(paragraphs(lines[page.number], page.number, headings, words))
        found += (Paragraph(text, page.number) for text in (*running.aside(page), *page.fields))
        for paragraph in found:
            if before is not None:
                if before.page != paragraph.page:
                    mend_pages(before, paragraph, words)
                yield before
            before = paragraph
    if before is not None:
        yield before


def _outline(document: pypdfium2.PdfDocument) -> list[tuple[int, str, int]]:
    """List the bookmarks as (level from 0, title, page from 1)."""
    import pypdfium2

    found: list[tuple[int, str, int]] = []
    try:
        for bookmark in document.get_toc(max_depth=8):
            target = bookmark.get_dest()
            index = target.get_index() if target else None
            if index is not None:
                found.append((bookmark.level, bookmark.get_title(), index + 1))
            if len(found) >= _MAX_OUTLINE:
                break
    except (pypdfium2.PdfiumError, UnicodeDecodeError):
        return found
    return found


def _stated(document: pypdfium2.PdfDocument) -> tuple[str, dict[str, str | list[str]]]:
    """Read the title and metadata of the file."""
    values = {name: " ".join(value.split())[:1_000] for name, value in document.get_metadata_dict().items()}
    title = values.get("Title", "")
    tags = [tag.strip() for tag in re.split(r"[,;]", values.get("Keywords", "")) if tag.strip()]
    metadata: dict[str, str | list[str]] = {
        "author": values.get("Author", ""),
        "date": pdf_date(values.get("CreationDate", "")) or pdf_date(values.get("ModDate", "")),
        "description": values.get("Subject", ""),
        "tags": tags,
    }
    return "" if _NO_TITLE.fullmatch(title) else title, metadata


def _notes(pages: Iterable[Page], damaged: list[int]) -> list[str]:
    """Describe what could not be read in a document, by page."""
    pages = list(pages)
    scanned = [page.number for page in pages if page.has_pictures]
    garbled = [page.number for page in pages if page.is_garbled]
    kinds = (
        (scanned, "holds no text: scanned", "hold no text: scanned"),
        (garbled, "is set in a font without letters", "are set in a font without letters"),
        (damaged, "is damaged", "are damaged"),
    )
    return [f"{_named(numbers)} {one if len(numbers) == 1 else many}" for numbers, one, many in kinds if numbers]


def _why_empty(pages: Iterable[Page], damaged: list[int]) -> str:
    if any(page.has_pictures for page in pages):
        return "no text layer: scanned pages"
    return "damaged" if damaged else "no text"


def _named(numbers: list[int]) -> str:
    """Write page numbers as people do: "pages 1, 3-7"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in spans[:20]]
    more = f" and {len(spans) - 20} more ranges" if len(spans) > 20 else ""
    return f"page{'s' if len(numbers) > 1 else ''} {', '.join(shown)}{more}"


FORMATS = (Format("pdf", (".pdf",), read, max_bytes=_MAX_BYTES, isolated=True),)
