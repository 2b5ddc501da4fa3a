"""Tokenize HTML in one pass over its tags and text.

No tree is built: the parsers of lxml, selectolax (lexbor) and resiliparse take quadratic time over nested, formatting
or endless attributes of a hostile page (12 s and more for 100 kB), and libxml2 drops what is nested deeper than 256;
the parser of the standard library is quadratic over tags that never end. `benchmarks/mail.py` measures them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Protocol

# Far more than any checkpoint reads.
MAX_HTML = 1_000_000
_MOST_ATTRIBUTES, _LONGEST_TAG = 60, 20_000
# How many characters are examined to recognise HTML.
_SEARCHED = 200_000

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,100})")
_END_OR_VALUE = re.compile(r">|=\s*(?:\"[^\"]*\"|'[^']*')")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style")}
_STYLE_OR_COMMENT = re.compile(r"<!--|<style(?=[\s/>])", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([^\s=>\"'/]{1,100})(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]*))?")
# `int` refuses thousands of digits, and no character reference needs as many.
_LONG_NUMBER = re.compile(r"&#[0-9]{100,}")

_NAMES = (
    "html|body|head|div|p|br|table|tbody|tr|td|span|a|b|i|u|em|strong|font|center|h[1-6]|ul|ol|li|img|hr|style|"
    "meta|title"
)
_WELL_FORMED = re.compile(rf"<!doctype\s+html|</?(?:{_NAMES})(?:\s*/?>|\s+[a-zA-Z-]{{1,40}}\s?=)", re.IGNORECASE)
_CLOSING = re.compile(rf"</(?:{_NAMES})\s?>|<(?:br|hr)\s?/?>", re.IGNORECASE)


class Page(Protocol):
    """Receives the tags and texts of a page in their order."""

    def opened(self, tag: str, attributes: str) -> None:
        """Handle the start tag of an element with the text of its attributes."""
        ...

    def closed(self, tag: str) -> None:
        """Handle the end tag of an element."""
        ...

    def said(self, text: str) -> None:
        """Handle text between tags."""
        ...


def read(html: str, page: Page) -> None:
    """Report all tags (lower case) and texts (entities decoded) of the first megabyte to `page`. Never raises."""
    html = html[:MAX_HTML]
    last, last_comment = html.rfind(">"), html.rfind("-->")
    quotes_end = True
    at = 0
    while 0 <= (begin := html.find("<", at)) < last:
        if begin > at:
            _say(html[at:begin], page)
        if tag := _TAG.match(html, begin):
            at = _tag_end(html, tag.end()) if quotes_end else -1
            if at < 0:
                # An unclosed quote extends to the end; searching for its end again at every tag would be quadratic.
                quotes_end = False
                at = html.find(">", tag.end()) + 1
            at = _enter(html, tag, at, page)
        elif html.startswith("<!--", begin) and begin < last_comment:
            at = html.find("-->", begin + 2) + 3
        elif html[begin + 1] in "!?/":
            at = html.find(">", begin) + 1
        else:
            page.said("<")
            at = begin + 1
    if at < len(html):
        _say(html[at:], page)


def attributes(text: str) -> dict[str, str]:
    """Parse the attributes of a tag, by lower-case name, from the text after its name; the first of each counts."""
    found: dict[str, str] = {}
    for match, _ in zip(_ATTRIBUTE.finditer(text[:_LONGEST_TAG]), range(_MOST_ATTRIBUTES), strict=False):
        value = match[2] or ""
        value = value[1:-1] if value[:1] in "\"'" and len(value) > 1 else value
        found.setdefault(match[1].lower(), unescape(value) if "&" in value else value)
    return found


def style_sheets(html: str) -> str:
    """Return the text of all <style> elements that are not commented out, wherever they are."""
    html = html[:MAX_HTML]
    last_comment = html.rfind("-->")
    pieces: list[str] = []
    at = 0
    while found := _STYLE_OR_COMMENT.search(html, at):
        if found[0] == "<!--":
            at = html.find("-->", found.start() + 2) + 3 if found.start() < last_comment else found.end()
            continue
        begin = html.find(">", found.end()) + 1
        end_tag = _RAW_END["style"].search(html, begin) if begin else None
        if not end_tag:
            break
        pieces.append(html[begin : end_tag.start()])
        at = end_tag.end()
    return "\n".join(pieces)


def is_html(text: str) -> bool:
    """Whether a body of unknown kind is HTML: an address in angle brackets or a lone tag in a sentence is not."""
    if begins_as_html(text):
        return True
    head = text[:_SEARCHED]
    first = _WELL_FORMED.search(head)
    closing = _first(_CLOSING.finditer(head, first.start()), 2) if first else []
    return len(closing) == 2 or any(tag.startswith("</") or "\n" not in head for tag in closing)


def begins_as_html(text: str) -> bool:
    """Whether text begins with a tag and closes some: it is HTML whatever it calls itself."""
    head = text[:_SEARCHED].lstrip("\ufeff \t\r\n")
    if head[:15].lower().startswith(("<!doctype html", "<html", "<head", "<body")):
        return True
    return _WELL_FORMED.match(head) is not None and bool(_first(_CLOSING.finditer(head), 1))


def _first(found: Iterator[re.Match[str]], most: int) -> list[str]:
    return [match[0] for match, _ in zip(found, range(most), strict=False)]


def _say(text: str, page: Page) -> None:
    page.said(unescape(_LONG_NUMBER.sub("&#0", text)) if "&" in text else text)


def _tag_end(html: str, at: int) -> int:
    """Return where the tag ends whose name ends at `at`, ignoring `>` in quoted values; -1 if it is unclosed."""
    end = html.find(">", at)
    double, single = html.count('"', at, end), html.count("'", at, end)
    if end >= 0 and ((double % 2 == 0 and not single) or (single % 2 == 0 and not double)):
        return end + 1
    return next((found.end() for found in _END_OR_VALUE.finditer(html, at) if found[0] == ">"), -1)


def _enter(html: str, tag: re.Match[str], at: int, page: Page) -> int:
    """Report a tag that ends at `at` to the page; return where to read on, after the content of scripts."""
    name = tag[2].lower()
    if tag[1]:
        page.closed(name)
        return at
    page.opened(name, html[tag.end() : max(tag.end(), at - 1)])
    if html.endswith("/>", 0, at):
        page.closed(name)
    elif name in _RAW_END:
        end = _RAW_END[name].search(html, at)
        return end.start() if end else len(html)
    return at
