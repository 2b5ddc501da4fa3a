"""Identify a file by its content, whatever its name says."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Content:
    """A kind of content in words, such as "a PDF", and the suffix that such files have ("" if nothing reads them)."""

    name: str
    suffix: str = ""


_MAGICS = (
    (b"{\\rtf", Content("an RTF text", ".rtf")),
    (b"\x7fELF", Content("a program")),
    (b"MZ\x90\0", Content("a program")),
    (b"\xcf\xfa\xed\xfe", Content("a program")),
    (b"\xca\xfe\xba\xbe", Content("compiled code")),
    (b"\x1f\x8b", Content("compressed data")),
    (b"\xfd7zXZ\0", Content("compressed data")),
    (b"(\xb5/\xfd", Content("compressed data")),
    (b"7z\xbc\xaf\x27\x1c", Content("a packed archive")),
    (b"Rar!\x1a\x07", Content("a packed archive")),
    (b"\x89PNG\r\n", Content("an image")),
    (b"GIF87a", Content("an image")),
    (b"GIF89a", Content("an image")),
    (b"\xff\xd8\xff", Content("an image")),
    (b"SQLite format 3\0", Content("a database")),
    (b"OggS", Content("a recording")),
)
_PDF = Content("a PDF", ".pdf")
_ENCRYPTED = Content("encrypted: it opens with a password only")
# Names in the directory of a compound file (MS-CFB 2.6.1), which are UTF-16.
_COMPOUND = (
    ("EncryptedPackage", _ENCRYPTED),
    ("EncryptionInfo", _ENCRYPTED),
    ("__properties_version1.0", Content("an Outlook message", ".msg")),
    ("WordDocument", Content("a Word document of the format before 2007; save it as .docx", ".doc")),
    ("PowerPoint Document", Content("a presentation of the format before 2007; save it as .pptx", ".ppt")),
    ("Workbook", Content("a workbook of the format before 2007; save it as .xlsx", ".xls")),
)
_FOLDERS = {
    b"word/": Content("a Word document", ".docx"),
    b"ppt/": Content("a presentation", ".pptx"),
    b"xl/": Content("a workbook", ".xlsx"),
    b"META-INF/container.xml": Content("a book", ".epub"),
}
# The name of a member follows 26 bytes after the mark of its header and 42 bytes after that of its directory entry. The
# directory is not read: it may hold a million names.
_MEMBER = re.compile(rb"PK(?:\x03\x04.{26}|\x01\x02.{42})(word/|ppt/|xl/|META-INF/container\.xml)", re.DOTALL)
_MIMETYPES = (
    (b"application/epub+zip", Content("a book", ".epub")),
    (b"application/vnd.oasis.opendocument.text", Content("an OpenDocument text", ".odt")),
    (b"application/vnd.oasis.opendocument.spreadsheet", Content("an OpenDocument spreadsheet", ".ods")),
    (b"application/vnd.oasis.opendocument.presentation", Content("an OpenDocument presentation", ".odp")),
)
_ARCHIVE = Content("a packed archive")
_PDF_MARK = re.compile(rb"%PDF-\d")
# Some bytes may precede the header of a PDF.
_PDF_WITHIN_BYTES = 1024


def identify(data: bytes) -> Content | None:
    """Identify a format by its content; None for any kind of text and for unknown content."""
    if data.startswith(b"PK\x03\x04"):
        return _packed(data)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return next(
            (content for name, content in _COMPOUND if name.encode("utf-16-le") in data), Content("an old Office file")
        )
    if _PDF_MARK.match(data) or (b"\0" in data and _PDF_MARK.search(data, 0, _PDF_WITHIN_BYTES)):
        return _PDF
    return next((content for magic, content in _MAGICS if data.startswith(magic)), None)


def _packed(data: bytes) -> Content:
    """Identify the format inside a ZIP archive.

    OpenDocument and EPUB name it in their first member, which is stored uncompressed.
    """
    for mimetype, content in _MIMETYPES:
        if b"mimetype" + mimetype in data[:200]:
            return content
    member = _MEMBER.search(data)
    return _FOLDERS[member[1]] if member else _ARCHIVE
