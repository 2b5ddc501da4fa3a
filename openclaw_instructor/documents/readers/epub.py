"""Read EPUB books: the chapters in reading order, each as a web page.

The package is read here, because ebooklib, the library for it, is under the AGPL.
"""

from __future__ import annotations

import posixpath
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from openclaw_instructor.documents.archive import Archive, attribute, child, local
from openclaw_instructor.documents.builder import DocumentBuilder
from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.documents.document import Document, Location, UnreadableDocument
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers import html

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "")


def read(data: bytes, path: PurePath) -> Document:
    """Read a book. Chapters are counted as the book's spine lists them, and named as its contents name them."""
    return _Book(Archive(data)).run()


class _Book:
    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.path = self._package_path()
        package = archive.xml(self.path)
        if package is None:
            raise UnreadableDocument("damaged: its list of chapters is missing")
        self.metadata = child(package, "metadata")
        manifest, spine = child(package, "manifest"), child(package, "spine")
        self.items = {attribute(item, "id"): item for item in (manifest if manifest is not None else ())}
        self.spine = [self.items.get(attribute(one, "idref")) for one in (spine if spine is not None else ())]
        self.names = self._names(spine)
        self.protected = self._protected()

    def run(self) -> Document:
        builder = DocumentBuilder()
        unread = 0
        for number, item in enumerate(self.spine, start=1):
            if builder.is_full:
                break
            if item is None or "nav" in attribute(item, "properties").split():
                continue
            if attribute(item, "media-type") in _PAGES:
                unread += not self._chapter(builder, number, self._resolved(attribute(item, "href")))
        notes = [f"{unread} of its {len(self.spine)} chapters could not be read"] if unread else []
        return builder.document(next(iter(self._values("title")), ""), self._properties(), notes)

    def _chapter(self, builder: DocumentBuilder, number: int, name: str) -> bool:
        """Add a chapter; return False when it has no text."""
        if name in self.protected:
            raise UnreadableDocument("encrypted: it opens in the program of its seller only")
        if name not in self.archive:
            return False
        try:
            page = html.read(self.archive.read(name), PurePath(name))
        except UnreadableDocument as unreadable:
            # Covers and pictures have no text.
            return unreadable.reason.startswith("no text")
        first = next((block.heading for block in page.blocks if block.level), "")
        named = self.names.get(name, "")
        location = Location("chapter", number, number, named or first)
        if named and not first:
            builder.heading(named, 1, location)
        builder.append(page, location)
        return True

    def _package_path(self) -> str:
        root = self.archive.xml(_CONTAINER)
        for element in root.iter("{*}rootfile") if root is not None else ():
            if (path := attribute(element, "full-path")) in self.archive:
                return path
        return next((name for name in self.archive.names() if name.endswith(".opf")), "")

    def _resolved(self, target: str, base: str = "") -> str:
        """Resolve a reference from one member to another, without the fragment."""
        folder = posixpath.dirname(base or self.path)
        return posixpath.normpath(posixpath.join(folder, unquote(target.partition("#")[0]))).lower()

    def _names(self, spine: Element | None) -> dict[str, str]:
        """Return the title of each chapter from the table of contents; the first entry for a chapter counts."""
        listed: list[tuple[str, str]] = []
        for item in self.items.values():
            path = self._resolved(attribute(item, "href"))
            if "nav" in attribute(item, "properties").split():
                listed += [(self._resolved(href, path), name) for href, name in self._links(path)]
        if not listed and spine is not None:
            contents = self.items.get(attribute(spine, "toc"))
            path = self._resolved(attribute(contents, "href")) if contents is not None else ""
            listed += [(self._resolved(href, path), name) for href, name in self._points(path)]
        return dict(reversed(listed))

    def _links(self, path: str) -> list[tuple[str, str]]:
        try:
            root = self.archive.xml(path)
        except UnreadableDocument:
            return []
        navs = list(root.iter("{*}nav")) if root is not None else []
        contents = [nav for nav in navs if attribute(nav, "type") == "toc"] or navs[:1]
        links = [link for nav in contents for link in nav.iter("{*}a")]
        return [(attribute(link, "href"), " ".join("".join(link.itertext()).split())) for link in links]

    def _points(self, path: str) -> list[tuple[str, str]]:
        try:
            root = self.archive.xml(path)
        except UnreadableDocument:
            return []
        points = root.iter("{*}navPoint") if root is not None else ()
        found = []
        for point in points:
            label, content = child(point, "navLabel", "text"), child(point, "content")
            if label is not None and content is not None:
                found.append((attribute(content, "src"), " ".join((label.text or "").split())))
        return found

    def _protected(self) -> set[str]:
        """Find the encrypted members; obfuscated fonts do not count, since every program can decode them."""
        root = self.archive.xml(_ENCRYPTION)
        references = root.iter("{*}CipherReference") if root is not None else ()
        return {unquote(attribute(one, "URI")).lower() for one in references}

    def _values(self, name: str) -> list[str]:
        elements = self.metadata if self.metadata is not None else ()
        texts = [" ".join("".join(element.itertext()).split()) for element in elements if local(element) == name]
        return [text for text in texts if text]

    def _properties(self) -> dict[str, str | list[str]]:
        return {
            "author": ", ".join(self._values("creator")),
            "date": next(filter(None, map(iso_date, self._values("date"))), ""),
            "tags": self._values("subject"),
            "language": next(iter(self._values("language")), ""),
        }


FORMATS = (Format("EPUB", (".epub",), read, max_bytes=100_000_000, isolated=True),)
