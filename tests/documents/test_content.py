"""What files are by their content."""

from __future__ import annotations

import io
import zipfile

import pytest

from openclaw_instructor.documents.content import identify

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)


def packed(*names: str, mimetype: str = "", junk: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
        for name in names:
            archive.writestr(name, junk or b"x" * 1000)
    return file.getvalue()


WORD = packed("[Content_Types].xml", "_rels/.rels", "word/document.xml")
SHEET = packed("[Content_Types].xml", "xl/workbook.xml")


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (b"%PDF-1.7\n", ".pdf"),
        (b"\0\0junk\n%PDF-1.7\n", ".pdf"),
        (b"{\\rtf1\\ansi x}", ".rtf"),
        (WORD, ".docx"),
        (packed("ppt/presentation.xml"), ".pptx"),
        (SHEET, ".xlsx"),
        (packed("[Content_Types].xml", "word/document.xml", "word/embeddings/a.xlsx", junk=SHEET), ".docx"),
        (packed("META-INF/container.xml", mimetype="application/epub+zip"), ".epub"),
        (packed("META-INF/container.xml", "a.xhtml"), ".epub"),
        (packed("content.xml", mimetype="application/vnd.oasis.opendocument.text"), ".odt"),
        (packed("content.xml", mimetype="application/vnd.oasis.opendocument.spreadsheet"), ".ods"),
        (packed("content.xml", mimetype="application/vnd.oasis.opendocument.presentation"), ".odp"),
        (WORD[: len(WORD) // 2], ".docx"),
        (OLE + "__properties_version1.0".encode("utf-16-le"), ".msg"),
        (OLE + "WordDocument".encode("utf-16-le"), ".doc"),
    ],
)
def test_formats_are_known_by_their_content(data: bytes, suffix: str) -> None:
    content = identify(data)
    assert content
    assert content.suffix == suffix


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (packed("passwords/word/x", "a.txt"), "a packed archive"),
        (b"PK\x03\x04", "a packed archive"),
        (b"\x7fELF\x02", "a program"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"SQLite format 3\0", "a database"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted: it opens with a password only"),
        (OLE, "an old Office file"),
    ],
)
def test_what_nothing_reads_has_a_name(data: bytes, name: str) -> None:
    content = identify(data)
    assert content
    assert (content.name, content.suffix) == (name, "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"PK",
        b"%PDF is a format",
        b"The mark %PDF-1.7 opens a PDF.",
        b"MZ is a linker's name",
        "ü".encode(),
    ],
)
def test_texts_are_no_known_content(data: bytes) -> None:
    assert identify(data) is None
