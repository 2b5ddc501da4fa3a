"""The text of an HTML page that a person sees, and what the page hides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from openclaw_instructor.documents.email import html
from openclaw_instructor.documents.email.characters import visible
from openclaw_instructor.documents.email.links import MOST_LINKS, Link, link
from openclaw_instructor.documents.email.styles import Sheet, Style, declared, inherited, pixels

# Stands where a mail program begins the earlier message; nobody writes it by hand.
EARLIER = "--------- Original Message ---------"

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = frozenset(
    "p div br tr li table ul ol dl dt dd hr section footer header article aside main nav address blockquote center "
    "caption fieldset form figure figcaption pre legend option optgroup select textarea details summary".split()
) | frozenset(_HEADINGS)
_UNSEEN = frozenset("script style head title template noscript datalist iframe noembed noframes".split())
_NO_TEXT = ("script", "style", "head", "title")
# What HTML opens again when a block ends around it.
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_MOST_REOPENED, _FARTHEST = 6, 64
_VOID = frozenset("br img hr input meta link wbr area base col embed source param track".split())
_CELLS = frozenset(("td", "th", "caption"))
_TABLES = frozenset(("table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption"))
_CLOSES_P = _BLOCKS - {"br", "option", "optgroup", "select", "textarea", "legend", "caption", "tr", "summary"}
_IMPLIED = _CLOSES_P | _CELLS | {"option", "tr"}
_TELLING = frozenset(("a", "form", "body"))
_STYLING = ("style", "bgcolor", "background", "color", "text", "hidden", "href")
_TOLD = re.compile(
    r"style|class|hidden|href|type|color|background|action|\btext\b|\bid\b|\bcite\b|\bname\b|\balt\b|\bvalue\b|data-marker",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(?:x_|3D)+", re.IGNORECASE)

# Containers that mail programs put around what they quote, by class, id or name.
_QUOTES = frozenset((
    "gmail_quote", "yahoo_quoted", "protonmail_quote", "tutanota_quote", "zmail_extra", "moz-cite", "cite",
    "messagereplysection", "spark_quote", "isreplycontent", "olk_src_body_section", "qt", "mailcontainer_quote",
    "hotmail_quote", "aolreplacedbody", "aolmail_quote", "reply-quote",
))  # fmt: skip
# What stands before the earlier message, which then reaches to the end.
_CUTS = frozenset((
    "divrplyfwdmsg", "mail-editor-reference-message-container", "ms-outlook-mobile-reference-message", "zwchr",
    "__divider__", "stopspelling", "replysplit", "orighdr",
))  # fmt: skip
_WORD_LINE = re.compile(r"solid #(?:e1e1e1|b5c4df)")

# An image that is no larger is not seen; shorter visible text than this is little.
_TINY, _LITTLE = 2, 200
_FILE_NAME = re.compile(r"[\w .()-]{1,80}\.(?:png|jpe?g|gif|bmp|webp|svg)", re.IGNORECASE)

IsIntro = Callable[[str], bool]


class _Alternative(str):
    """The text that stands for an image."""

    __slots__ = ()


@dataclass(slots=True)
class _Element:
    tag: str
    style: Style
    own: Mapping[str, str] = field(default_factory=dict)  # what it declares itself
    names: tuple[str, ...] = ()
    breaks: bool = False
    quotes: bool = False


class VisiblePage:
    """Reads one page.

    `text` has a line for each block; lines of quoted blocks begin with "> ", as in plain mail, and `EARLIER` stands
    where the program that wrote the page says that an earlier message follows. Images' texts are read where there is
    little else. `hidden_characters` counts letters that are in the page and not seen; `links` are those that are seen.
    `is_intro` tells whether a line announces a quote. Takes time linear in the page's length and never raises.
    """

    def __init__(self, page: str, is_intro: IsIntro | None = None, *, keeps_lines: bool = False) -> None:
        self.links: list[Link] = []
        self.hidden_characters = 0
        self._is_intro = is_intro
        self._sheet = Sheet(html.style_sheets(page))
        self._distinct: dict[tuple[object, ...], Style] = {}
        self._styles: dict[tuple[object, ...], tuple[Mapping[str, str], Style]] = {}
        self._above: Counter[str] = Counter()
        self._scopes: list[Counter[str]] = [Counter()]
        self._stack = [_Element("", self._interned(Style(keeps_lines=keeps_lines)))]
        self._lines: list[tuple[str, str]] = []  # without and with the texts of images
        self._line: list[str] = []
        self._target = ""
        self._linked: list[str] = []
        self._quotes = 0
        html.read(page, self)
        self._break()
        self.text = self._text()

    def opened(self, tag: str, attributes: str) -> None:
        """A tag begins an element."""
        if tag in _IMPLIED:
            self._close_implied(tag)
        given = html.attributes(attributes) if attributes and _TOLD.search(attributes) else {}
        names = _names(given) if given else ()
        if tag in _TELLING:
            self._tell(tag, given)
        own, style = self._styled(tag, given, names)
        element = _Element(tag, style, own, names)
        element.quotes = (tag == "blockquote" or bool(given)) and self._is_quote(tag, given, names)
        element.breaks = style.block if "display" in own and style.block is not None else tag in _BLOCKS
        if element.breaks or element.quotes:
            self._break()
        elif tag in _CELLS:
            self._line.append(" ")
        if element.quotes:
            self._quotes += 1
        elif given and self._is_cut(given, names):
            self._cut()
        if tag in _VOID:
            self._void(tag, element, given)
        else:
            self._push(element)

    def closed(self, tag: str) -> None:
        """An element ends, as far as HTML lets this tag end it."""
        scope = self._scopes[-1]
        if tag in ("br", "body", "html"):
            self._break()
        elif tag in _TABLES:
            self._close_table(tag)
        elif tag in _BLOCKS or tag in _UNSEEN:
            if scope[tag] > 0:
                self._pop_to(tag)
            self._break()
        elif scope[tag] > 0:
            self._close_inline(tag)

    def said(self, text: str) -> None:
        """Text stands between two tags."""
        style = self._stack[-1].style
        if style.hidden:
            if not any(self._above[kind] > 0 for kind in _NO_TEXT):
                self.hidden_characters += len("".join(visible(text).split()))
            return
        if style.keeps_lines and "\n" in text:
            *lines, text = text.replace("\r\n", "\n").split("\n")
            for line in lines:
                self._line.append(line)
                self._break()
        self._line.append(text)
        if self._target:
            self._linked.append(text)

    def _push(self, element: _Element) -> None:
        self._stack.append(element)
        if element.tag in _CELLS:
            self._scopes.append(Counter())
        else:
            self._scopes[-1][element.tag] += 1
        self._above[element.tag] += 1
        for name in element.names:
            self._above[name] += 1

    def _pop(self) -> _Element:
        element = self._stack.pop()
        if element.tag in _CELLS:
            self._scopes.pop()
        self._forget(element)
        return element

    def _forget(self, element: _Element) -> None:
        if element.tag not in _CELLS:
            self._scopes[-1][element.tag] -= 1
        self._above[element.tag] -= 1
        for name in element.names:
            self._above[name] -= 1
        if element.tag == "a":
            self._end_link()
        if element.breaks or element.quotes:
            self._break()
        if element.quotes:
            self._quotes -= 1

    def _pop_to(self, tag: str) -> None:
        """Close the innermost `tag` of this scope with all that is open in it; formatting goes on behind it."""
        reopened: list[_Element] = []
        while len(self._stack) > 1:
            element = self._pop()
            if element.tag == tag:
                break
            if element.tag in _FORMATTING and len(reopened) < _MOST_REOPENED:
                reopened.append(element)
        for element in reversed(reopened):
            self._push(element)

    def _pop_scope(self) -> None:
        """Close the innermost cell of a table with all that is open in it."""
        scopes = len(self._scopes)
        while len(self._scopes) == scopes and len(self._stack) > 1:
            self._pop()

    def _close_inline(self, tag: str) -> None:
        """End formatting from among what is open in it; anything else only where no block was opened in it."""
        lowest = max(0, len(self._stack) - _FARTHEST)
        for place in range(len(self._stack) - 1, lowest, -1):
            element = self._stack[place]
            if element.tag == tag and tag in _FORMATTING:
                self._forget(self._stack.pop(place))
                for number in range(place, len(self._stack)):
                    inner = self._stack[number]
                    inner.style = self._interned(inherited(self._stack[number - 1].style, inner.own))
                return
            if element.tag == tag:
                self._pop_to(tag)
                return
            if element.tag in _CELLS or (element.tag in _BLOCKS and tag not in _FORMATTING):
                return

    def _close_table(self, tag: str) -> None:
        if tag in _CELLS:
            if self._stack_has_cell(tag):
                self._pop_scope()
            return
        if self._scopes[-1][tag] == 0 and len(self._scopes) > 1 and self._scopes[-2][tag] > 0:
            self._pop_scope()
        if self._scopes[-1][tag] > 0:
            self._pop_to(tag)
        self._break()

    def _stack_has_cell(self, tag: str) -> bool:
        return len(self._scopes) > 1 and self._above[tag] > 0 and self._scopes[-1]["table"] == 0

    def _close_implied(self, tag: str) -> None:
        """Close what HTML closes by itself before this tag."""
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

    def _tell(self, tag: str, given: Mapping[str, str]) -> None:
        """Take from the start of an element what is more than its style."""
        style = self._stack[-1].style
        if tag == "a" and "href" in given:
            self._end_link()
            self._target = "" if style.hidden else given["href"]
        elif tag == "form" and given.get("action") and not style.hidden:
            self._add_link("", given["action"])
        elif tag == "body" and self._above["head"] + self._above["title"] > 0:
            # An unclosed <head> must not hide the whole message.
            while len(self._stack) > 1:
                self._pop()

    def _styled(self, tag: str, given: Mapping[str, str], names: tuple[str, ...]) -> tuple[Mapping[str, str], Style]:
        """What an element declares and the style that it has by that; pages repeat themselves, so most are known."""
        parent = self._stack[-1].style
        if self._sheet.depends_on_place(tag, names):
            own = self._declarations(tag, given, names)
            return own, self._interned(inherited(parent, own))
        key = (id(parent), tag, names, *(given.get(name) for name in _STYLING)) if given else (id(parent), tag)
        if key not in self._styles:
            own = self._declarations(tag, given, names)
            self._styles[key] = (own, self._interned(inherited(parent, own)))
        return self._styles[key]

    def _interned(self, style: Style) -> Style:
        """The one object of all equal styles; it is held, so that no other gets its id."""
        return self._distinct.setdefault(style.key, style)

    def _declarations(self, tag: str, given: Mapping[str, str], names: tuple[str, ...]) -> Mapping[str, str]:
        declarations: dict[str, str] = {"color": "#0000ee"} if tag == "a" and "href" in given else {}
        if tag == "body" and given.get("text"):
            declarations["color"] = given["text"].lower()
        if given.get("bgcolor"):
            declarations["background-color"] = given["bgcolor"].lower()
        if given.get("background"):
            declarations["background-image"] = "url()"
        if tag == "font" and given.get("color"):
            declarations["color"] = given["color"].lower()
        if tag == "pre":
            declarations["white-space"] = "pre"
        declarations |= self._sheet.declarations(tag, names, self._above)
        if "style" in given:
            declarations |= declared(given["style"])
        if tag in _UNSEEN or "hidden" in given:
            declarations["display"] = "none"
        return declarations

    def _is_quote(self, tag: str, given: Mapping[str, str], names: tuple[str, ...]) -> bool:
        if any(name in _QUOTES for name in _marks(given, names)):
            return True
        if tag != "blockquote":
            return False
        return given.get("type", "").lower() == "cite" or "cite" in given or self._follows_intro()

    def _follows_intro(self) -> bool:
        self._break()
        return self._is_intro is not None and bool(self._lines) and self._is_intro(self._lines[-1][0].lstrip("> "))

    def _is_cut(self, given: Mapping[str, str], names: tuple[str, ...]) -> bool:
        if any(name in _CUTS for name in _marks(given, names)):
            return True
        # Word, which writes Outlook's messages, marks the place by a line alone.
        style = declared(given["style"]) if "border-top" in given.get("style", "").lower() else {}
        return bool(_WORD_LINE.match(style.get("border-top", ""))) and style.get("padding", "").startswith("3.0pt 0")

    def _cut(self) -> None:
        self._break()
        if not self._quotes and not (self._lines and self._lines[-1][0] == EARLIER):
            self._lines.append((EARLIER, EARLIER))

    def _void(self, tag: str, element: _Element, given: Mapping[str, str]) -> None:
        if element.quotes:
            self._quotes -= 1
        if element.style.hidden:
            return
        if tag == "img":
            sizes = [pixels(given.get(side, "")) for side in ("width", "height")]
            seen = not any(size is not None and size <= _TINY for size in sizes)
            text = " ".join(given.get("alt", "").split())
            if seen and text and not _FILE_NAME.fullmatch(text):
                self._line += [_Alternative(" "), _Alternative(text), _Alternative(" ")]
        elif tag == "input" and given.get("type", "").lower() in ("submit", "button", "reset"):
            self._line += [" ", given.get("value", ""), " "]
        elif tag == "area" and given.get("href"):
            self._add_link(given.get("alt", ""), given["href"])

    def _end_link(self) -> None:
        if self._target and len(self.links) < MOST_LINKS:
            self._add_link(visible("".join(self._linked)), self._target)
        self._target, self._linked = "", []

    def _add_link(self, text: str, target: str) -> None:
        if len(self.links) < MOST_LINKS and not target.startswith("#"):
            self.links.append(link(text, target))

    def _break(self) -> None:
        if not self._line:
            return
        images = any(isinstance(piece, _Alternative) for piece in self._line)
        plain = _one_line(piece for piece in self._line if not isinstance(piece, _Alternative))
        full = _one_line(self._line) if images else plain
        if full:
            mark = "> " if self._quotes else ""
            self._lines.append((mark + plain if plain else "", mark + full))
        self._line = []

    def _text(self) -> str:
        plain = [line for line, _ in self._lines if line]
        images = sum(len(full) - len(line) for line, full in self._lines)
        if images and sum(map(len, plain)) < max(_LITTLE, images):
            return "\n".join(full for _, full in self._lines)
        return "\n".join(plain)


def visible_text(page: str) -> str:
    """The text of an HTML page that a person sees, a line for each block."""
    return VisiblePage(page).text


def _one_line(pieces: Iterable[str]) -> str:
    return " ".join(visible("".join(pieces)).split())


def _names(given: Mapping[str, str]) -> tuple[str, ...]:
    classes = tuple(f".{name}" for name in given["class"].lower().split()[:10]) if "class" in given else ()
    return (*classes, f"#{given['id'].lower()}") if given.get("id") else classes


def _marks(given: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    """The words by which mail programs mark elements; those that clean foreign pages put a prefix before them."""
    marks = [_PREFIX.sub("", name[1:]) for name in names]
    return marks + [given[key].lower() for key in ("name", "data-marker") if key in given]
