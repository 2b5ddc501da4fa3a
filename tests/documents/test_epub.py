"""EPUB books."""

from __future__ import annotations

import pytest

from openclaw_instructor.documents.document import Location, UnreadableDocument
from tests.documents.office_files import outline, packed, read_as

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PAGE = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>{}</body></html>'
BOOK = """<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>The sea</dc:title>
<dc:creator>Anna Müller</dc:creator><dc:creator>Tom Ray</dc:creator><dc:date>2024-03-05</dc:date>
<dc:language>en</dc:language><dc:subject>water</dc:subject></metadata><manifest>
<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>
<item id="cover" href="cover.xhtml" media-type="application/xhtml+xml"/>
<item id="two" href="part%20two.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="one.xhtml" media-type="application/xhtml+xml"/>
<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>
<item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/>
<item id="art" href="a.svg" media-type="image/svg+xml"/></manifest>
<spine toc="ncx"><itemref idref="cover"/><itemref idref="nav"/><itemref idref="one"/><itemref idref="art"/>
<itemref idref="two"/></spine></package>"""
NAV = PAGE.format(
    '<nav xmlns:epub="http://www.idpf.org/2007/ops" epub:type="landmarks"><a href="one.xhtml">wrong</a></nav>'
    '<nav xmlns:epub="http://www.idpf.org/2007/ops" epub:type="toc"><ol><li><a href="one.xhtml#a">Tides</a></li>'
    '<li><a href="one.xhtml#b">later</a></li><li><a href="part%20two.xhtml">Storms</a></li></ol></nav>'
)
MEMBERS = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": BOOK,
    "OPS/nav.xhtml": NAV,
    "OPS/cover.xhtml": PAGE.format('<img src="c.png"/>'),
    "OPS/one.xhtml": PAGE.format(
        "<p>Water rises.</p><table><tr><th>Hour</th><th>m</th></tr><tr><td>1</td><td>3</td></tr></table>"
    ),
    "OPS/part two.xhtml": PAGE.format("<h1>The storm</h1><p>Wind.</p><h2>Rain</h2><p>Wet.</p>"),
}


def test_chapters_in_reading_order() -> None:
    document = read_as("sea.epub", packed(MEMBERS))
    assert outline(document) == [
        "# Tides", "Water rises.", "Hour | m", "[Hour | m] 1 | 3", "# The storm", "Wind.", "## Rain", "Wet.",
    ]  # fmt: skip
    assert {block.location for block in document.blocks} == {
        Location("chapter", 3, 3, "Tides"),
        Location("chapter", 5, 5, "Storms"),
    }
    assert document.title == "The sea"
    assert document.metadata == {
        "author": "Anna Müller, Tom Ray", "date": "2024-03-05", "tags": ["water"], "language": "en",
    }  # fmt: skip
    assert document.notes == []


def test_the_contents_of_older_books() -> None:
    ncx = """<?xml version="1.0"?><!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://x.y/ncx.dtd"><ncx><navMap>
    <navPoint><navLabel><text>Ebb and flow</text></navLabel><content src="one.xhtml"/></navPoint></navMap></ncx>"""
    book = BOOK.replace(' properties="nav"', "")
    members = {**MEMBERS, "OPS/book.opf": book, "OPS/toc.ncx": ncx, "OPS/nav.xhtml": PAGE.format("")}
    assert outline(read_as("sea.epub", packed(members)))[0] == "# Ebb and flow"


def test_a_missing_chapter_is_said() -> None:
    book = BOOK.replace('<itemref idref="art"/>', '<itemref idref="gone"/>')
    document = read_as("sea.epub", packed({**MEMBERS, "OPS/book.opf": book}))
    assert document.notes == ["1 of its 5 chapters could not be read"]


def test_books_that_a_seller_has_locked() -> None:
    lock = '<encryption><EncryptedData><CipherReference URI="{}"/></EncryptedData></encryption>'
    fonts = {**MEMBERS, "META-INF/encryption.xml": lock.format("OPS/font.otf")}
    assert read_as("sea.epub", packed(fonts)).title == "The sea"
    with pytest.raises(UnreadableDocument, match="encrypted: it opens in the program of its seller only"):
        read_as("sea.epub", packed({**MEMBERS, "META-INF/encryption.xml": lock.format("OPS/one.xhtml")}))


def test_a_book_without_its_list_of_chapters() -> None:
    members = {name: content for name, content in MEMBERS.items() if not name.endswith(".opf")}
    with pytest.raises(UnreadableDocument, match="damaged: its list of chapters is missing"):
        read_as("sea.epub", packed(members))
    renamed = {**members, "META-INF/container.xml": "<container/>", "OPS/other.opf": BOOK}
    assert read_as("sea.epub", packed(renamed)).title == "The sea"
