"""Track the open elements of a page as HTML does, even where tags do not match.

A browser keeps some elements open that a simple parser would close, and closes others; a simple parser would read text
that people do not see, or miss text that they do. These are the rules of the HTML standard (section 13.2.6.4) that
decide what is hidden, each bounded so that no sequence of tags takes more than linear time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from openclaw_instructor.documents.email.styles import Style

BLOCKS = frozenset(
    (
        "p", "div", "br", "tr", "li", "table", "ul", "ol", "dl", "dt", "dd", "hr", "section", "footer", "header",
        "article", "aside", "main", "nav", "address", "blockquote", "center", "caption", "fieldset", "form", "figure",
        "figcaption", "pre", "legend", "option", "optgroup", "select", "textarea", "details", "summary", "h1", "h2",
        "h3", "h4", "h5", "h6",
    )
)  # fmt: skip
# Elements whose content is never shown.
UNSEEN = frozenset(
    ("script", "style", "head", "title", "template", "noscript", "datalist", "iframe", "noembed", "noframes")
)
CELLS = frozenset(("td", "th", "caption"))
VOID = frozenset(
    ("br", "img", "hr", "input", "meta", "link", "wbr", "area", "base", "col", "embed", "source", "param", "track")
)
_TABLES = frozenset(("table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption"))
_CLOSES_P = BLOCKS - {"br", "option", "optgroup", "select", "textarea", "legend", "caption", "tr", "summary"}
_CLOSING = _CLOSES_P | CELLS | {"option", "tr"}
# Formatting elements, which HTML reopens after an enclosing block has ended.
_FORMATTING = frozenset(
    ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
)
_MOST_REOPENED, _FARTHEST = 6, 64


@dataclass(slots=True)
class Element:
    """An open element: its style, its own declarations, and its ".class" and "#id" selectors."""

    tag: str
    style: Style
    own: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    breaks: bool = False
    quotes: bool = False


class OpenElements:
    """The stack of open elements.

    `ended` is called for each element that ends; `restyle` computes the style that an element's declarations give it
    below another parent.
    """

    def __init__(
        self, root: Element, ended: Callable[[Element], None], restyle: Callable[[Style, Mapping[str, str]], Style]
    ) -> None:
        self._ended = ended
        self._restyle = restyle
        self._stack = [root]
        # Open tags in the innermost table cell, and in those around it.
        self._scopes: list[Counter[str]] = [Counter()]
        self.counts: Counter[str] = Counter()  # how many open elements have each tag, class and id

    @property
    def style(self) -> Style:
        """The style of the innermost element."""
        return self._stack[-1].style

    def open(self, element: Element) -> None:
        """Push an element onto the stack."""
        self._stack.append(element)
        if element.tag in CELLS:
            self._scopes.append(Counter())
        else:
            self._scopes[-1][element.tag] += 1
        self.counts[element.tag] += 1
        for name in element.names:
            self.counts[name] += 1

    def close(self, tag: str) -> None:
        """Handle an end tag: close the element if HTML allows it here."""
        if tag in ("body", "html") or tag in VOID:
            return
        if tag in _TABLES:
            self._close_table(tag)
        elif self._scopes[-1][tag] > 0:
            if tag in BLOCKS or tag in UNSEEN:
                self._pop_to(tag)
            else:
                self._close_inline(tag)

    def close_before(self, tag: str) -> None:
        """Close the elements that the start of this tag implies to be closed."""
        if tag not in _CLOSING:
            return
        if tag in _CLOSES_P and self._scopes[-1]["p"] > 0:
            self._pop_to("p")
        scope = self._scopes[-1]
        if tag == "li" and scope["li"] > 0 and scope["li"] >= scope["ul"] + scope["ol"]:
            self._pop_to("li")
        elif tag == "option" and scope["option"] > 0:
            self._pop_to("option")
        elif tag in ("td", "th", "tr") and len(self._scopes) > 1 and scope["table"] == 0:
            self._pop_scope()
        if tag == "tr" and self._scopes[-1]["tr"] >= max(1, self._scopes[-1]["table"]):
            self._pop_to("tr")

    def close_all(self) -> None:
        """Close all elements."""
        while len(self._stack) > 1:
            self._pop()

    def _pop(self) -> Element:
        element = self._stack.pop()
        if element.tag in CELLS:
            self._scopes.pop()
        self._end(element)
        return element

    def _end(self, element: Element) -> None:
        if element.tag not in CELLS:
            self._scopes[-1][element.tag] -= 1
        self.counts[element.tag] -= 1
        for name in element.names:
            self.counts[name] -= 1
        self._ended(element)

    def _pop_to(self, tag: str) -> None:
        """Close the innermost `tag` of this scope with all that is open in it; formatting is reopened after it."""
        reopened: list[Element] = []
        while len(self._stack) > 1:
            element = self._pop()
            if element.tag == tag:
                break
            if element.tag in _FORMATTING and len(reopened) < _MOST_REOPENED:
                reopened.append(element)
        for element in reversed(reopened):
            self.open(element)

    def _pop_scope(self) -> None:
        """Close the innermost table cell with all that is open in it."""
        scopes = len(self._scopes)
        while len(self._scopes) == scopes and len(self._stack) > 1:
            self._pop()

    def _close_inline(self, tag: str) -> None:
        """Close a formatting element among those open in it; another element only if no block is open in it."""
        for place in range(len(self._stack) - 1, max(0, len(self._stack) - _FARTHEST), -1):
            element = self._stack[place]
            if element.tag == tag and tag in _FORMATTING:
                self._end(self._stack.pop(place))
                for number in range(place, len(self._stack)):
                    inner = self._stack[number]
                    inner.style = self._restyle(self._stack[number - 1].style, inner.own)
                return
            if element.tag == tag:
                self._pop_to(tag)
                return
            if element.tag in CELLS or (element.tag in BLOCKS and tag not in _FORMATTING):
                return

    def _close_table(self, tag: str) -> None:
        if tag in CELLS:
            if len(self._scopes) > 1 and self.counts[tag] > 0 and self._scopes[-1]["table"] == 0:
                self._pop_scope()
            return
        if self._scopes[-1][tag] == 0 and len(self._scopes) > 1 and self._scopes[-2][tag] > 0:
            self._pop_scope()
        if self._scopes[-1][tag] > 0:
            self._pop_to(tag)
