"""Parse HTML or XHTML to a tree, in time linear in its length.

Compared were lxml, selectolax, resiliparse, trafilatura and readability-lxml. The last two look for one article: of
four manuals trafilatura loses 5% of the words and readability-lxml 16%, where our rules lose less than 1%
(`benchmarks/documents.py html`), and trafilatura brings 60 MB of date parsing. selectolax and resiliparse build trees
as the standard says and take quadratic time over `<div>`, lists and formatting that are never closed (20 s for 400 kB).
lxml (BSD, 5 MB) takes linear time over all of them and only falls short behind 2,048 levels, where `flat` serves.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

# libxml2 compares every attribute of a tag with all before it; real tags are far shorter.
_MAX_TAG = 20_000
_LONG_LONG_TAG = re.compile(rf"<[a-zA-Z][^<>]{{{_MAX_TAG},}}+>?")
_DATA_URI = re.compile(r"data:[\w/+.;=-]{0,100},[A-Za-z0-9+/=%]{100,}+")
_TAG = re.compile(rf"<[a-zA-Z][^<>]{{{_MAX_TAG},}}+>?")
_LONG_TAG = re.compile(rf"<[a-zA-Z][^<>]{{{_MAX_TAG},}}+>?")
_DATA_URI = re.compile(r"data:[\w/+.;=-]{0,100},[A-Za-z0-9+/=%]{100,}+")
_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*+>")
_TITLE = re.compile(r"<title>([^<]{1,1000})", re.IGNORECASE)
_SELF_CLOSED = re.compile(r"<([a-zA-Z][\w:.-]*+)([^<>]*)(?<=/)>")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_BREAKING = re.compile(
    r"<(?:/?(?:p|div|h[1-6]|li|tr|pre|table|ul|ol|dl|dt|dd|section|blockquote)|br|hr)\b", re.IGNORECASE
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


class TooDeep(Exception):
    """Elements are nested deeper than the parser goes."""


def parse(text: str) -> _Element | None:
    """Parse a page to its `html` element; None for text without one. Raises TooDeep."""
    from lxml import etree

    text = _LONG_TAG.sub(_without_attributes, _DATA_URI.sub("data:", _CONTROL.sub(" ", text)))
    if text.lstrip()[:5].lower() == "<?xml":
        # In HTML `<title/>` opens a title, and the rest of the page would become part of it.
        text = _SELF_CLOSED.sub(_closed, text)
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True, recover=True
    )
    try:
        root: _Element | None = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.ParserError:
        return None
    except etree.XMLSyntaxError as error:
        if "depth" in str(error):
            raise TooDeep from error
        return None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise TooDeep
    return root


def flat(text: str) -> tuple[str, list[str]]:
    """Extract title and paragraphs by tags alone, for pages nested too deeply to be parsed."""
    title = _TITLE.search(text)
    for name in ("title", "script", "style", "template", "noscript"):
        text = _without(text, name)
    text = _TAG.sub(lambda tag: "\n\n" if _BREAKING.match(tag[0]) else "", text)
    paragraphs = (" ".join(html.unescape(part).split()) for part in text.split("\n\n"))
    return (html.unescape(title[1]) if title else ""), [paragraph for paragraph in paragraphs if paragraph]


def _without(text: str, name: str) -> str:
    """Remove the elements of this name from the text."""
    kept: list[str] = []
    at = 0
    start, end = (
        re.compile(rf"<{name}(?=[\s/>])", re.IGNORECASE),
        re.compile(rf"</{name}(?:[\s/][^<>]*)?>", re.IGNORECASE),
    )
    while opened := start.search(text, at):
        kept.append(text[at : opened.start()])
        closed = end.search(text, opened.end())
        at = closed.end() if closed else len(text)
    return "".join([*kept, text[at:]])


def _without_attributes(tag: re.Match[str]) -> str:
    name = re.match(r"<[a-zA-Z][\w:.-]*+", tag[0])
    # Keep the line ends, because locations count lines.
    return f"{name[0] if name else '<p'}{chr(10) * tag[0].count(chr(10))}>"


def _closed(tag: re.Match[str]) -> str:
    name, attributes = tag[1], tag[2].removesuffix("/")
    return tag[0] if name.lower() in _VOID else f"<{name}{attributes}></{name}>"
