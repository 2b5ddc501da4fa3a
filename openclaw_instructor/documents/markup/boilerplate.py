"""Tell what of a page is not its text: scripts, hidden text, navigation, cookie banners.

One pass over the tree gathers what the rules need (lengths of text and of links, which elements hold the main part), so
that no rule has to look at a subtree again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

_NEVER_TEXT = frozenset(
    """
    script style template noscript head title svg iframe object embed canvas audio video map datalist
    select textarea button input dialog rt rp annotation annotation-xml
    """.split()  # noqa: SIM905
)
_OUTSIDE = frozenset(("nav", "aside", "footer", "header", "form"))
_ROLES = frozenset(
    """
    navigation banner contentinfo complementary search dialog alertdialog menu menubar tablist toolbar
    tooltip
    """.split()  # noqa: SIM905
)
_KEPT_IN_MAIN = frozenset(("aside", "header", "form"))

_PART = (
    r"(?:site|page|main|global|top|left|right|primary|secondary|mobile|side|sub|local|docs?|header|footer|bottom|user)"
)
_KIND = (
    r"nav|navbar|navigation|menu|menubar|sidebar|topbar|toolbar|breadcrumbs?|footer|masthead|toc|table-of-contents"
    r"|pagination|pager|prev-?next|skip-?(?:links?|nav|to-content)|related(?:-posts|-articles|-links|bar)?"
    r"|share(?:-buttons|-links)?|social(?:-links|-share|-media)?|newsletter|advert(?:isement)?s?|ads?|ad-(?:banner|slot|unit)"
    r"|sponsored|popup|modal|edit-?(?:this-)?page|sphinxsidebar"
)
_HOLDER = (
    r"(?:wrapper|container|inner|content|list|links|items|bar|box|area|block|section|widget|wrap|panel|signup|form)"
)
_FURNITURE = re.compile(rf"(?:{_PART}[-_]?)?(?:{_KIND})(?:[-_]+{_HOLDER})?", re.IGNORECASE)
_PERMALINK = re.compile(r"headerlink|permalink|anchor(?:js)?-?link|heading-?anchor|hash-?link|anchor", re.IGNORECASE)
_COOKIES = re.compile(
    r"cookie[-_ ]?(?:banner|bar|consent|notice|law|popup|modal|message|overlay|dialog|info|disclaimer|prompt|warning"
    r"|alert|container|wall|settings|preferences|bot)|(?:consent|gdpr|privacy)[-_](?:banner|bar|modal|popup|manager|notice"
    r"|dialog)"
    r"|onetrust|didomi|usercentrics|truste|osano|qc-cmp|sp_message|fc-consent|klaro|cc-window|cc-banner",
    re.IGNORECASE,
)
_CONSENT = re.compile(
    r"\W*(?:accept|agree|allow|got it|i understand|ok\b|okay|reject|decline|akzept|zustimm|einverstanden|ablehnen"
    r"|alle\b|accepter|refuser|j.accepte|aceptar|rechazar|acepto|accett|rifiut|aceitar|accepteer|godkänn|приня|соглас|同意|接受|동의)",
    re.IGNORECASE,
)
_COOKIE_WORD = re.compile(r"cookie|куки|クッキー|쿠키", re.IGNORECASE)
_HIDING = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|(?:font-size|max-height)\s{0,9}:\s{0,9}0(?![.\d]*[1-9])"
    r"|mso-hide\s{0,9}:\s{0,9}all|(?:left|top|text-indent)\s{0,9}:\s{0,9}-\d{3}",
    re.IGNORECASE,
)
_HIDDEN_CLASSES = frozenset(("sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text", "d-none", "hidden"))
_SHOWN_SOMEWHERE = re.compile(r"(?:sm|md|lg|xl|2xl|d)[:-](?:\w+-)?(?:block|flex|grid|inline|table|contents)")
# Panels that open on a click are text like any other.
_PANEL = re.compile(r"tab-?(?:pane|panel|content|set)|accordion|collaps|toggle|details|expand", re.IGNORECASE)
_SIMPLE_SELECTOR = re.compile(r"[.#][\w-]+")
_MAX_BANNER = 1_500
_MAX_BUTTONS = 100


@dataclass
class Survey:
    """The findings of one pass; `text` and `links` are lengths of elements in characters."""

    text: dict[_Element, int] = field(default_factory=dict)
    links: dict[_Element, int] = field(default_factory=dict)
    holders: set[_Element] = field(default_factory=set)
    layouts: set[_Element] = field(default_factory=set)
    mains: list[_Element] = field(default_factory=list)
    articles: list[_Element] = field(default_factory=list)
    banners: set[_Element] = field(default_factory=set)
    hiding: set[str] = field(default_factory=set)
    buttons: int = 0


def survey(root: _Element) -> Survey:
    """Visit every element once."""
    from lxml import etree

    found = Survey()
    open_elements: list[_Element] = []
    lengths: list[list[int]] = [[0, 0]]
    tables: list[_Element] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag
        if event == "start":
            open_elements.append(element)
            lengths.append([len(element.text or "") if tag not in _NEVER_TEXT else 0, 0])
            if tag in ("table", "pre", "h1", "h2", "h3", "ul", "ol", "blockquote") and tables:
                found.layouts.update(tables[-1:])
            if tag == "table":
                tables.append(element)
            elif tag == "style":
                found.hiding |= _hiding(element.text or "")
            elif tag in ("main", "article") or element.get("role") == "main":
                _holds(found, open_elements)
            continue
        open_elements.pop()
        text, links = lengths.pop()
        lengths[-1][0] += text + len(element.tail or "")
        lengths[-1][1] += text if tag == "a" else links
        if tag == "table":
            tables.pop()
        if tag in ("main", "article", "body") or element.get("class") or element.get("id") or element.get("role"):
            found.text[element], found.links[element] = text, links
        if tag in ("button", "input", "a") and found.buttons < _MAX_BUTTONS and _consents(element):
            found.buttons += 1
            found.banners |= _banner(element)
    return found


def _holds(found: Survey, open_elements: list[_Element]) -> None:
    element = open_elements[-1]
    inside = {"main": False, "article": False}
    for outer in reversed(open_elements[:-1]):
        kind = "main" if outer.tag == "main" or outer.get("role") == "main" else outer.tag
        if kind in inside:
            inside[str(kind)] = True
            break
        if outer in found.holders:
            break
        found.holders.add(outer)
    if element.tag == "article" and not inside["article"]:
        found.articles.append(element)
    elif element.tag != "article" and not inside["main"]:
        found.mains.append(element)


def main_part(root: _Element, found: Survey) -> _Element:
    """Find the element of the page's own text: its `main` or only `article` if that holds most text."""
    body = root.find("body")
    whole = root if body is None else body
    total = found.text.get(whole, 0)
    for candidates, share in ((found.mains, 0.2), (found.articles, 0.5)):
        # Several articles are all part of the page.
        chosen = max(candidates, key=lambda element: found.text.get(element, 0), default=None)
        if chosen is None or (candidates is found.articles and len(candidates) > 1):
            continue
        if found.text.get(chosen, 0) >= share * total:
            return chosen
    return whole


class Boilerplate:
    """Decides which elements are left out; ask from the outermost inwards."""

    def __init__(self, found: Survey, *, strict: bool = True) -> None:
        self._found = found
        self._strict = strict

    def leaves_out(self, element: _Element, *, in_main: bool) -> bool:
        """Whether the element and all in it is left out. `strict` rules take navigation and banners out, too."""
        tag = element.tag
        if tag in _NEVER_TEXT:
            return True
        if tag in ("html", "body", "main", "article") or (tag not in _OUTSIDE and not element.attrib):
            return element in self._found.banners and self._strict
        if self._hidden(element):
            return True
        return self._strict and element not in self._found.holders and self._furniture(element, in_main)

    def _hidden(self, element: _Element) -> bool:
        attributes = element.attrib
        if not attributes:
            return False
        panel = attributes.get("role") == "tabpanel" or bool(_PANEL.search(_names(element)))
        hidden = attributes.get("hidden", "until-found") != "until-found" or bool(
            "style" in attributes and _HIDING.search(attributes["style"])
        )
        if not hidden and ("class" in attributes or "id" in attributes):
            names = _names(element).split()
            known = any(name in _HIDDEN_CLASSES for name in names)
            hidden = (known and not any(map(_SHOWN_SOMEWHERE.fullmatch, names))) or self._hidden_by_sheet(element)
        if hidden:
            return not panel and element not in self._found.holders
        return attributes.get("aria-hidden") == "true" and element not in self._found.holders

    def _hidden_by_sheet(self, element: _Element) -> bool:
        names = {f".{name}" for name in element.get("class", "").split()} | {f"#{element.get('id')}"}
        return not self._found.hiding.isdisjoint(names)

    def _furniture(self, element: _Element, in_main: bool) -> bool:
        tag, role = element.tag, element.get("role", "")
        if element in self._found.banners or role in _ROLES:
            return True
        if tag in _OUTSIDE:
            parent = element.getparent()
            quoted = tag == "footer" and parent is not None and parent.tag == "blockquote"
            return not quoted and not (in_main and tag in _KEPT_IN_MAIN)
        names = _names(element)
        if not names:
            return False
        if tag == "a":
            return any(map(_PERMALINK.fullmatch, names.split()))
        text, links = self._found.text.get(element, 0), self._found.links.get(element, 0)
        if _COOKIES.search(names) and text < 2 * _MAX_BANNER:
            return True
        return any(map(_FURNITURE.fullmatch, names.split())) and links * 3 >= text


def _names(element: _Element) -> str:
    """Return the element's classes and id."""
    return f"{element.get('class', '')[:500]} {element.get('id', '')[:100]}".strip()


def _hiding(sheet: str) -> set[str]:
    """Collect classes and ids that a style sheet hides on every screen by a rule for them alone."""
    found: set[str] = set()
    depth = 0
    for piece in sheet.split("}"):
        depth += piece.count("{")
        selector, _, rule = piece.rpartition("{")
        if depth == 1 and _HIDING.search(rule):
            found |= {name.strip() for name in selector.split(",") if _SIMPLE_SELECTOR.fullmatch(name.strip())}
        depth = max(0, depth - 1)
    return {name for name in found if not _PANEL.search(name)}


def _consents(element: _Element) -> bool:
    label = element.get("value", "") if element.tag == "input" else "".join(islice(element.itertext(), 5))
    return len(label) <= 60 and bool(_CONSENT.match(label))


def _banner(button: _Element) -> set[_Element]:
    """Find the largest small element around a button that mentions cookies."""
    chosen: set[_Element] = set()
    for outer in islice(button.iterancestors(), 6):
        texts = list(islice(outer.itertext(), 100))
        text = "".join(texts)
        if outer.tag in ("html", "body", "main", "article") or len(texts) == 100 or len(text) > _MAX_BANNER:
            break
        if _COOKIE_WORD.search(text):
            chosen = {outer}
    return chosen
