"""Read Office Open XML packages (ECMA-376 part 2): parts, relationships and document properties.

Read here rather than by python-docx and python-pptx, which leave out inserted text, content controls, text boxes and
footnotes, refuse macro-enabled, strict and slightly broken files, and bring image libraries along.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from openclaw_instructor.documents.archive import Archive, attribute, local
from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.documents.document import UnreadableDocument

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_OFFICE_DOCUMENT = "officedocument"


class Package:
    """An Office file: an archive whose parts name each other by relationships."""

    def __init__(self, data: bytes) -> None:
        self.archive = Archive(data)
        self._related: dict[str, list[tuple[str, str, str]]] = {}

    def main_part(self, folder: str) -> str:
        """Find the name of the package's main part, which lies in `folder` ("word" for a text).

        Raises UnreadableDocument.
        """
        for target in self.related("", _OFFICE_DOCUMENT):
            if target in self.archive and target.lower().startswith(f"{folder}/"):
                return target
        known = {"word": "word/document.xml", "ppt": "ppt/presentation.xml", "xl": "xl/workbook.xml"}[folder]
        if known in self.archive:
            return known
        raise UnreadableDocument("damaged: its main part is missing")

    def related(self, part: str, kind: str) -> list[str]:
        """List the parts that `part` relates to as `kind`, the end of a relationship type."""
        return [target for _, found, target in self._relationships(part) if found == kind]

    def related_xml(self, part: str, kind: str) -> Iterator[Element]:
        """Parse the parts that `part` relates to as `kind`, and return their roots. Raises UnreadableDocument."""
        for target in self.related(part, kind):
            if (root := self.archive.xml(target)) is not None:
                yield root

    def referred(self, part: str, element: Element) -> str:
        """Return the part that an element of `part` refers to; "" if there is none."""
        # The element often has another `id` without a namespace.
        return self.target(part, next((value for key, value in element.items() if key.endswith("}id")), ""))

    def target(self, part: str, identifier: str) -> str:
        """Return the part that `part` refers to by this id; "" if there is none."""
        return next((target for found, _, target in self._relationships(part) if found == identifier), "")

    def title(self) -> str:
        """Return the title that the author set; "" for the default title of new files."""
        title = self.properties().get("title", "")
        return "" if "powerpoint" in title.lower() or title.lower().startswith("microsoft word - ") else title

    def properties(self) -> dict[str, str]:
        """Read the core properties (title, author, dates), by their Dublin Core names; empty if there are none."""
        parts = [*self.related("", "core-properties"), "docProps/core.xml"]
        found: dict[str, str] = {}
        try:
            root = self.archive.xml(next((part for part in parts if part in self.archive), ""))
        except UnreadableDocument:
            # Damaged properties must not keep the text from being read.
            return found
        for element in root if root is not None else ():
            if text := " ".join((element.text or "").split()):
                found[local(element)] = text
        return found

    def metadata(self) -> dict[str, str | list[str]]:
        """Return author, date of the last change, tags and language, under the names that a Document uses."""
        found = self.properties()
        return {
            "author": found.get("creator", ""),
            "date": iso_date(found.get("modified") or found.get("created", "")),
            "tags": [tag.strip() for tag in re.split("[;,]", found.get("keywords", "")) if tag.strip()],
            "language": found.get("language", ""),
        }

    def _relationships(self, part: str) -> list[tuple[str, str, str]]:
        if part not in self._related:
            folder, _, name = part.rpartition("/")
            root = self.archive.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
            self._related[part] = [
                (
                    attribute(element, "Id"),
                    attribute(element, "Type").rpartition("/")[2].lower(),
                    _resolve(folder, attribute(element, "Target")),
                )
                for element in (root if root is not None else ())
                if attribute(element, "TargetMode") != "External"
            ]
        return self._related[part]


def _resolve(folder: str, target: str) -> str:
    joined = posixpath.normpath(posixpath.join("/", folder, unquote(target.replace("\\", "/"))))
    return joined.lstrip("/")
