"""Resolve the styles and numbering of a Word paragraph (ECMA-376 part 1, 17.7 and 17.9)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_instructor.documents.archive import attribute, child, local
from openclaw_instructor.documents.numerals import numeral

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

# Word keeps the English names of built-in styles in every language; other programs write those of their language.
_HEADING = re.compile(
    r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|overskrift|otsikko|nagłówek|nadpis|címsor|başlık|заголовок"  # noqa: RUF001
    r"|επικεφαλίδα|标题|標題|見出し|제목|tajuk|tiêu đề)\s*([1-9])",
    re.IGNORECASE,
)
_CONTENTS = re.compile(
    r"(?:toc|contents|verzeichnis|tm|index)\s*\d|table of (?:figures|contents)|toc heading", re.IGNORECASE
)
_TITLES = frozenset({"title", "titel", "titre", "título", "titolo", "tytuł", "название", "标题", "표제", "表題"})
_DEEPEST = 9
_ANCESTORS = 20
_MAX_NUMBER_CHARACTERS = 30


def level_of_name(name: str) -> int:
    """Derive the heading level from a style name in any language that programs use; 0 if there is none."""
    found = _HEADING.fullmatch(name.strip())
    return int(found[1]) if found else 0


def is_title_name(name: str) -> bool:
    """Whether a style of this name is that of the document's title."""
    return name.strip().lower() in _TITLES


@dataclass(frozen=True)
class Style:
    """What a style says of a paragraph: heading of `level` (0 for none), title, part of a table of contents."""

    level: int = 0
    is_title: bool = False
    is_contents: bool = False
    numbering: tuple[str, int] | None = None


class Styles:
    """The paragraph styles of a document."""

    def __init__(self, elements: Iterable[Element]) -> None:
        self._elements: dict[str, Element] = {}
        for element in elements:
            if local(element) == "style" and attribute(element, "type") in ("paragraph", ""):
                self._elements[attribute(element, "styleId")] = element
        self._styles: dict[str, Style] = {}

    def of(self, paragraph: Element) -> Style:
        """Return the style of a paragraph, including its own formatting."""
        properties = child(paragraph, "pPr")
        named = child(properties, "pStyle")
        style = self._named(attribute(named, "val")) if named is not None else Style()
        own_level = _level(properties)
        return Style(
            style.level if own_level is None else own_level,
            style.is_title,
            style.is_contents,
            _numbering(properties) or style.numbering,
        )

    def _named(self, identifier: str) -> Style:
        if identifier not in self._styles:
            self._styles[identifier] = self._resolved(identifier)
        return self._styles[identifier]

    def _resolved(self, identifier: str) -> Style:
        """Resolve a style with what it inherits; the nearest ancestor that sets a property wins."""
        level: int | None = None
        numbering = None
        names = []
        for element in self._line(identifier):
            names.append(attribute(named, "val") if (named := child(element, "name")) is not None else "")
            properties = child(element, "pPr")
            level = level if level is not None else level_of_name(names[-1]) or _level(properties)
            numbering = numbering or _numbering(properties)
        if not names:
            # An undeclared style has only its id.
            names = [identifier]
            level = level_of_name(identifier)
        return Style(
            level or 0,
            is_title_name(names[0]),
            any(_CONTENTS.match(name) for name in names),
            numbering,
        )

    def _line(self, identifier: str) -> Iterable[Element]:
        for _ in range(_ANCESTORS):
            element = self._elements.get(identifier)
            if element is None:
                return
            yield element
            parent = child(element, "basedOn")
            identifier = attribute(parent, "val") if parent is not None else ""


@dataclass(frozen=True)
class _Level:
    form: str
    pattern: str
    start: int


class Numbering:
    """Computes the numbers that Word prints before list items and headings; the text does not contain them."""

    def __init__(self, elements: Iterable[Element]) -> None:
        self._levels: dict[str, list[_Level]] = {}
        self._lists: dict[str, str] = {}
        self._counts: dict[str, list[int]] = {}
        for element in elements:
            if local(element) == "abstractNum":
                self._levels[attribute(element, "abstractNumId")] = _levels(element)
            elif local(element) == "num" and (target := child(element, "abstractNumId")) is not None:
                self._lists[attribute(element, "numId")] = attribute(target, "val")

    def next(self, style: Style) -> str:
        """Return the number or bullet of the next paragraph of that style, such as "4.2", "b)" or "-"; "" if none."""
        if style.numbering is None:
            return ""
        number, depth = style.numbering
        list_of = self._lists.get(number, "")
        levels = self._levels.get(list_of, [])
        if depth >= len(levels):
            return "" if number == "0" else "-"
        counts = self._counts.setdefault(list_of, [])
        del counts[depth + 1 :]
        while len(counts) <= depth:
            counts.append(levels[len(counts)].start - (len(counts) == depth))
        counts[depth] += 1
        return _number(levels, counts, depth)


def _levels(abstract: Element) -> list[_Level]:
    levels = []
    for element in abstract:
        if local(element) == "lvl":
            form, pattern, start = (_value(child(element, name)) for name in ("numFmt", "lvlText", "start"))
            levels.append(_Level(form or "decimal", pattern, int(start) if start.isdecimal() else 1))
    return levels[:_DEEPEST]


def _number(levels: list[_Level], counts: list[int], depth: int) -> str:
    level = levels[depth]
    if level.form == "bullet":
        return "-"
    if level.form == "none":
        return ""
    text = re.sub(
        r"%([1-9])",
        lambda found: (
            numeral(counts[int(found[1]) - 1], levels[int(found[1]) - 1].form) if int(found[1]) <= len(counts) else ""
        ),
        level.pattern,
    )
    return text.strip()[:_MAX_NUMBER_CHARACTERS]


def _level(properties: Element | None) -> int | None:
    """Read the heading level in paragraph properties; 0 for body text, None if unspecified."""
    outline = _value(child(properties, "outlineLvl"))
    if not outline.isdecimal():
        return None
    return int(outline) + 1 if int(outline) < _DEEPEST else 0


def _numbering(properties: Element | None) -> tuple[str, int] | None:
    found = child(properties, "numPr")
    if found is None:
        return None
    depth = _value(child(found, "ilvl"))
    number = _value(child(found, "numId"))
    return (number, int(depth) if depth.isdecimal() else 0) if number else None


def _value(element: Element | None) -> str:
    return attribute(element, "val") if element is not None else ""
