"""Extract the text of an HTML page that a person sees, and note what the page hides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from openclaw_instructor.documents.email import html
from openclaw_instructor.documents.email.characters import visible
from openclaw_instructor.documents.email.css_values import pixels
from openclaw_instructor.documents.email.links import MOST_LINKS, Link, link
from openclaw_instructor.documents.email.open_elements import BLOCKS, CELLS, VOID, Element, OpenElements
from openclaw_instructor.documents.email.page_styles import PageStyles
from openclaw_instructor.documents.email.styles import Style, declared

# Marks where a mail program begins the earlier message; nobody types it.
EARLIER = "--------- Original Message ---------"

_TELLING = frozenset(("a", "form", "body"))
_NO_TEXT = ("script", "style", "head", "title")
_TOLD = re.compile(
    r"style|class|hidden|href|type|color|background|action|\btext\b|\bid\b|\bcite\b|\bname\b|\balt\b|\bvalue\b|\bopen\b|data-marker",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(?:x_|3D)+", re.IGNORECASE)

# Containers that mail programs put around quotes, by class, id or name.
_QUOTES = frozenset((
    "gmail_quote", "yahoo_quoted", "protonmail_quote", "tutanota_quote", "zmail_extra", "moz-cite", "cite",
    "messagereplysection", "spark_quote", "isreplycontent", "olk_src_body_section", "qt", "mailcontainer_quote",
    "hotmail_quote", "aolreplacedbody", "aolmail_quote", "reply-quote",
))  # fmt: skip
# Elements before the earlier message, which extends to the end.
_CUTS = frozenset((
    "divrplyfwdmsg", "mail-editor-reference-message-container", "ms-outlook-mobile-reference-message", "zwchr",
    "__divider__", "stopspelling", "replysplit", "orighdr",
))  # fmt: skip
_WORD_LINE = re.compile(r"solid #(?:e1e1e1|b5c4df)")

# An image up to this size is invisible; visible text shorter than this is little.
_TINY, _LITTLE = 2, 200
_FILE_NAME = re.compile(r"[\w .()-]{1,80}\.(?:png|jpe?g|gif|bmp|webp|svg)", re.IGNORECASE)

IsIntro = Callable[[str], bool]


class _Alternative(str):
    """The alternative text of an image."""

    __slots__ = ()


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
        self._styles = PageStyles(html.style_sheets(page))
        root = Element("", self._styles.distinct(Style(keeps_lines=keeps_lines)))
        self._open = OpenElements(root, self._ended, self._styles.inherited)
        self._lines: list[tuple[str, str]] = []  # without and with the alternative texts of images
        self._line: list[str] = []
        self._target = ""
        self._linked: list[str] = []
        self._quotes = 0
        html.read(page, self)
        self._break()
        self.text = self._text()

    def opened(self, tag: str, attributes: str) -> None:
        """Handle the start tag of an element."""
        self._open.close_before(tag)
        given = html.attributes(attributes) if attributes and _TOLD.search(attributes) else {}
        names = _names(given) if given else ()
        if tag in _TELLING:
            self._tell(tag, given)
        own, style = self._styles.of(self._open.style, tag, given, names, self._open.counts)
        element = Element(tag, style, own, names)
        element.quotes = (tag == "blockquote" or bool(given)) and self._is_quote(tag, given, names)
        element.breaks = style.block if "display" in own and style.block is not None else tag in BLOCKS
        if element.breaks or element.quotes:
            self._break()
        elif tag in CELLS:
            self._line.append(" ")
        if element.quotes:
            self._quotes += 1
        elif given and self._is_cut(given, names):
            self._cut()
        if tag in VOID:
            self._void(tag, element, given)
        else:
            self._open.open(element)

    def closed(self, tag: str) -> None:
        """Handle the end tag of an element."""
        self._open.close(tag)
        if tag in BLOCKS or tag in ("body", "html"):
            self._break()

    def said(self, text: str) -> None:
        """Handle text between two tags."""
        style = self._open.style
        if style.hidden:
            if not any(self._open.counts[kind] > 0 for kind in _NO_TEXT):
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

    def _ended(self, element: Element) -> None:
        if element.tag == "a":
            self._end_link()
        if element.breaks or element.quotes:
            self._break()
        if element.quotes:
            self._quotes -= 1

    def _tell(self, tag: str, given: Mapping[str, str]) -> None:
        """Handle everything but the style at the start of an element."""
        hidden = self._open.style.hidden
        if tag == "a" and "href" in given:
            self._end_link()
            self._target = "" if hidden else given["href"]
        elif tag == "form" and given.get("action") and not hidden:
            self._add_link("", given["action"])
        elif tag == "body" and self._open.counts["head"] + self._open.counts["title"] > 0:
            # An unclosed <head> must not hide the whole message.
            self._open.close_all()

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
        # Word, which writes Outlook's messages, marks the place only by a line.
        style = declared(given["style"]) if "border-top" in given.get("style", "").lower() else {}
        return bool(_WORD_LINE.match(style.get("border-top", ""))) and style.get("padding", "").startswith("3.0pt 0")

    def _cut(self) -> None:
        self._break()
        if not self._quotes and not (self._lines and self._lines[-1][0] == EARLIER):
            self._lines.append((EARLIER, EARLIER))

    def _void(self, tag: str, element: Element, given: Mapping[str, str]) -> None:
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
    """Convert an HTML page to the text that a person sees, one line for each block."""
    return VisiblePage(page).text


def _one_line(pieces: Iterable[str]) -> str:
    return " ".join(visible("".join(pieces)).split())


def _names(given: Mapping[str, str]) -> tuple[str, ...]:
    classes = tuple(f".{name}" for name in given["class"].lower().split()[:10]) if "class" in given else ()
    return (*classes, f"#{given['id'].lower()}") if given.get("id") else classes


def _marks(given: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    """Return the names by which mail programs mark an element, without the prefix that sanitisers add."""
    marks = [_PREFIX.sub("", name[1:]) for name in names]
    return marks + [given[key].lower() for key in ("name", "data-marker") if key in given]
