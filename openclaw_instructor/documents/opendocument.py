"""Read OpenDocument packages (ISO/IEC 26300): styles, list numbers, and text with notes and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openclaw_instructor.documents.archive import Archive, attribute, child, local
from openclaw_instructor.documents.dates import iso_date
from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.numerals import numeral
from openclaw_instructor.documents.wordprocessing import is_title_name, level_of_name

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

CONTENT = "content.xml"
_BLANKS = re.compile(r"[ \t\r\n]+")
_ENCODED = re.compile(r"_([0-9a-f]{2})_")
_FORMS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_ANCESTORS = 20
_MAX_SPACES = 100
# The text of fields is read, but not what is filled in on each page, such as its number.
_LEFT_OUT = frozenset(
    {"tracked-changes", "ruby-text", "note-citation", "page-number", "annotation-end", "desc", "title"}
)
_BOXES = frozenset({"text-box", "custom-shape", "rect", "ellipse", "circle", "polygon", "path", "caption"})


class Package:
    """An OpenDocument file. Raises UnreadableDocument for one that is encrypted or damaged."""

    def __init__(self, data: bytes) -> None:
        self.archive = Archive(data)
        if CONTENT not in self.archive or b"encryption-data" in self.archive.read("META-INF/manifest.xml"):
            is_encrypted = "encrypted-package" in self.archive or CONTENT in self.archive
            raise UnreadableDocument(
                "encrypted: it opens with a password only" if is_encrypted else "damaged: its main part is missing"
            )
        self.styles = Styles(self.archive)
        root = self.archive.xml("meta.xml")
        self._meta = list(root.iterfind("{*}meta/*")) if root is not None else []

    @property
    def title(self) -> str:
        """The title that its author gave it."""
        return self._value("title")

    def metadata(self) -> dict[str, str | list[str]]:
        """Return author, date of the last change, tags and language, under the names that a Document uses."""
        words = [(element.text or "").strip() for element in self._meta if local(element) == "keyword"]
        return {
            "author": self._value("initial-creator") or self._value("creator"),
            "date": iso_date(self._value("date") or self._value("creation-date")),
            "tags": [tag.strip() for word in words for tag in word.split(",") if tag.strip()],
            "language": self._value("language"),
        }

    def _value(self, name: str) -> str:
        return next((" ".join((one.text or "").split()) for one in self._meta if local(one) == name), "")


class Styles:
    """What the styles of a document say of its paragraphs, lists and tables."""

    def __init__(self, archive: Archive) -> None:
        self._parents: dict[str, str] = {}
        self._levels: dict[str, int] = {}
        self._lists: dict[str, dict[int, Element]] = {}
        self.hidden_tables: set[str] = set()
        for part in ("styles.xml", CONTENT):
            styles = archive.elements(part, "style", "list-style", inside=("styles", "automatic-styles"), keep=True)
            for style in styles:
                self._take(style)

    def level(self, name: str) -> int:
        """Return the heading level of a paragraph style; 0 if there is none."""
        return next((level for one in self._line(name) if (level := self._levels.get(one) or level_of_name(one))), 0)

    def is_title(self, name: str) -> bool:
        """Whether a paragraph style is that of the document's title."""
        return any(map(is_title_name, self._line(name)))

    def number(self, list_style: str, depth: int, count: int) -> str:
        """Return the number or bullet of a list item, such as "2." or "-"."""
        levels = self._lists.get(list_style, {})
        style = levels.get(depth) if depth in levels else next(iter(levels.values()), None)
        if style is None or local(style) != "list-level-style-number":
            return "-"
        form = attribute(style, "num-format")
        number = numeral(count, _FORMS.get(form, "decimal")) if form else ""
        return f"{attribute(style, 'num-prefix')}{number}{attribute(style, 'num-suffix')}".strip()

    def _take(self, style: Element) -> None:
        name = _plain(attribute(style, "name"))
        if local(style) == "list-style":
            self._lists[name] = {int(level): one for one in style if (level := attribute(one, "level")).isdecimal()}
            return
        if attribute(style, "family") == "table":
            properties = child(style, "table-properties")
            if properties is not None and attribute(properties, "display") == "false":
                self.hidden_tables.add(name)
        elif attribute(style, "family") == "paragraph":
            self._parents[name] = _plain(attribute(style, "parent-style-name"))
            level = attribute(style, "default-outline-level")
            if level.isdecimal():
                self._levels[name] = int(level)

    def _line(self, name: str) -> Iterator[str]:
        name = _plain(name)
        for _ in range(_ANCESTORS):
            if not name:
                return
            yield name
            name = self._parents.get(name, "")


@dataclass
class Found:
    """What a paragraph has attached to it: footnotes, comments and text boxes."""

    remarks: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)


def text_of(element: Element, found: Found) -> str:
    """Return the text of a paragraph; notes and frames attached to it are collected in `found`."""
    return "".join(_pieces(element, found)).strip()


def flat_text(element: Element) -> str:
    """Return all text below an element on one line; footnotes, comments and boxes follow their anchor."""
    found = Found()
    texts = [text_of(one, found) for one in element.iter("{*}p", "{*}h") if not _is_beside(one, element)]
    texts += found.remarks
    texts += [flat_text(box) for box in found.boxes]
    return " ".join(" ".join(texts).split())


def _is_beside(paragraph: Element, root: Element) -> bool:
    """Whether a paragraph is inside a note or box attached to another one below `root`."""
    for ancestor in paragraph.iterancestors():
        if ancestor is root:
            return False
        if local(ancestor) in ("p", "h", "tracked-changes"):
            return True
    return False


def _pieces(element: Element, found: Found) -> Iterator[str]:
    yield _BLANKS.sub(" ", element.text or "")
    for part in element:
        name = local(part)
        if name == "s":
            count = attribute(part, "c")
            yield " " * (min(int(count), _MAX_SPACES) if count.isdecimal() else 1)
        elif name == "tab":
            yield "\t"
        elif name == "line-break":
            yield "\n"
        elif name == "note":
            body = child(part, "note-body")
            if body is not None and (text := flat_text(body)):
                found.remarks.append(f"[{text}]")
        elif name == "annotation":
            author = child(part, "creator")
            named = f"Comment by {(author.text or '').strip()}: " if author is not None else "Comment: "
            if text := flat_text(part):
                found.remarks.append(f"[{named}{text}]")
        elif name in _BOXES:
            found.boxes.append(part)
        elif name not in _LEFT_OUT:
            yield from _pieces(part, found)
        yield _BLANKS.sub(" ", part.tail or "")


def _plain(name: str) -> str:
    """Return the display name of a style."""
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), name)
