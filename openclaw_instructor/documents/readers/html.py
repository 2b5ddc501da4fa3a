"""Read HTML and XHTML: the main text of a page with its headings, lists, tables and code."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS, Document, Location, UnreadableDocument
from openclaw_instructor.documents.encoding import decode
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.markup.boilerplate import Boilerplate, main_part, survey
from openclaw_instructor.documents.markup.content import read_content
from openclaw_instructor.documents.markup.parsing import TooDeep, flat, parse

if TYPE_CHECKING:
    from lxml.etree import _Element

_PROLOGUE_BYTES = 4_096
_CHARSET = re.compile(
    rb"<meta[^<>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})|<\?xml[^<>]{0,100}?encoding=[\"']([\w.:-]{1,40})",
    re.IGNORECASE,
)
_MAX_VALUE = 1_000
_META = {
    "author": ("author", "article:author", "dc.creator", "dcterms.creator", "citation_author", "parsely-author"),
    "date": (
        "article:published_time",
        "date",
        "dc.date",
        "dcterms.date",
        "dcterms.created",
        "dcterms.issued",
        "citation_publication_date",
        "article:modified_time",
        "dcterms.modified",
        "last-modified",
        "og:updated_time",
    ),
    "description": ("description", "og:description", "dc.description", "twitter:description"),
    "tags": ("keywords", "article:tag", "dc.subject"),
    "language": ("content-language", "dc.language"),
}


def read(data: bytes, path: PurePath) -> Document:
    """Read a page. Raises UnreadableDocument for one without any text."""
    found = _CHARSET.search(data[:_PROLOGUE_BYTES])
    text, notes = decode(data, (found[1] or found[2]).decode("ascii") if found else "")
    document = read_page(text)
    return replace(document, notes=notes + document.notes)


def read_page(text: str) -> Document:
    """Read the text of a page; chapters of books are pages, too. Raises UnreadableDocument."""
    try:
        root = parse(text)
    except TooDeep:
        return _flat(text)
    if root is None:
        raise UnreadableDocument("no text")
    found = survey(root)
    part = main_part(root, found)
    body = root.find("body")
    whole = root if body is None else body
    title, metadata = _head(root)
    document = read_content(part, found, Boilerplate(found), in_main=part is not whole).document(title, metadata)
    if not document.blocks:
        # Keep the links of a page that is nothing but navigation.
        relaxed = Boilerplate(found, strict=False)
        document = read_content(whole, found, relaxed, in_main=False).document(title, metadata)
    if not document.blocks:
        scripted = next(root.iter("script"), None) is not None
        raise UnreadableDocument("no text: a script draws this page" if scripted else "no text")
    first = next((block.heading for block in document.blocks if block.level == 1), "")
    return replace(document, title=document.title or first)


def _flat(text: str) -> Document:
    builder = DocumentBuilder()
    everywhere = Location("lines", 1, text.count("\n") + 1)
    title, paragraphs = flat(text)
    for paragraph in paragraphs:
        builder.paragraph(paragraph, everywhere)
    document = builder.document(title, notes=["nested more than 2,048 levels deep: read without headings and tables"])
    if not document.blocks:
        raise UnreadableDocument("no text")
    return document


def _head(root: _Element) -> tuple[str, dict[str, str | list[str]]]:
    """Read the title and metadata in the head of a page."""
    values: dict[str, list[str]] = {}
    for meta in root.iter("meta"):
        name = meta.get("name") or meta.get("property") or meta.get("http-equiv") or meta.get("itemprop") or ""
        content = " ".join(meta.get("content", "")[:_MAX_VALUE].split())
        if content:
            values.setdefault(name.lower(), []).append(content)
    stated = {key: [value for name in names for value in values.get(name, ())] for key, names in _META.items()}
    metadata: dict[str, str | list[str]] = {
        key: stated[key][0] for key in ("author", "description", "language") if stated[key]
    }
    date = next(filter(None, map(iso_date, stated["date"])), "") or _published(root)
    tags = [tag.strip() for value in stated["tags"] for tag in value.split(",") if tag.strip()]
    language = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or root.get("xml:lang")
    metadata |= {"date": date} if date else {}
    metadata |= {"tags": list(dict.fromkeys(tags))} if tags else {}
    metadata |= {"language": language[:40]} if language else {}
    title = next(
        (" ".join("".join(element.itertext()).split()) for element in root.iter("title") if not _drawn(element)), ""
    )
    title = title or next(iter(values.get("og:title", ())), "")
    return title[:MAX_HEADING_CHARACTERS].strip(), metadata


def _drawn(title: _Element) -> bool:
    """Whether a title element belongs to an SVG drawing."""
    parent = title.getparent()
    return parent is not None and parent.tag not in ("head", "html", "body")


def _published(root: _Element) -> str:
    """Find the date of the first time element that is marked as the publication date."""
    stamps = (
        time for time in root.iter("time") if time.get("pubdate") is not None or time.get("itemprop") == "datePublished"
    )
    return next((iso_date(stamp.get("datetime") or stamp.text or "") for stamp in stamps), "")


FORMATS = (Format("html", (".html", ".htm", ".xhtml"), read, isolated=True),)
