"""Small Office files for tests, packed from XML where no library writes what they are about."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import PurePath

from openclaw_instructor.documents.document import Document
from openclaw_instructor.documents.reading import read

MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def packed(members: Mapping[str, str | bytes]) -> bytes:
    """A ZIP of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def changed(data: bytes, members: Mapping[str, str | bytes]) -> bytes:
    """The same ZIP with these members in place of, or beside, its own."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    return packed({**kept, **members})


def member(data: bytes, name: str) -> str:
    """A member of a ZIP."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name).decode()


def relations(**targets: str) -> str:
    """A part that refers to others: kind -> target."""
    entries = "".join(
        f'<Relationship Id="{kind}" Type="{RELATIONSHIPS}/{kind}" Target="{target}"/>'
        for kind, target in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}">{entries}</Relationships>'


def word(body: str, parts: Mapping[str, str] | None = None, **targets: str) -> bytes:
    """A Word document of that body in WordprocessingML, with other parts of the folder `word`."""
    namespaces = f'xmlns:w="{MAIN}" xmlns:r="{RELATIONSHIPS}"'
    return packed(
        {
            "_rels/.rels": relations(officeDocument="word/document.xml"),
            "word/document.xml": f"<w:document {namespaces}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": relations(**targets),
            **{f"word/{name}": f"<w:x {namespaces}>{content}</w:x>" for name, content in (parts or {}).items()},
        }
    )


def read_as(name: str, data: bytes) -> Document:
    """What is read of a file of that name."""
    return read(data, PurePath(name))


def outline(document: Document) -> list[str]:
    """Its blocks in order: headings with a mark for each level, texts with their context."""
    shown = []
    for block in document.blocks:
        text = "\n".join(document.lines[block.first - 1 : block.last])
        context = f"[{block.context}] " if block.context else ""
        shown.append(f"{'#' * block.level} {block.heading}" if block.level else f"{context}{text}")
    return shown
