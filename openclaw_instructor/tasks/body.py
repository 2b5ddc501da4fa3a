"""The body of a message as a person would read it: HTML to text, and without quoted replies and signature.

HTML is read in one pass, and not by the parser of the standard library: over tags that never end that one takes
quadratic time, and some declarations make it raise.
"""

from __future__ import annotations

import re
from html import unescape

# Far beyond what any checkpoint reads.
MAX_HTML = 1_000_000

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_END_OR_VALUE = re.compile(r">|=\s*(?:\"[^\"]*\"|'[^']*')")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style")}
# Thousands of digits are an error to `int`, and no character has as many.
_LONG_NUMBER = re.compile(r"&#[0-9]{100,}")
_SPACES = re.compile(r"[\s\u200b-\u200d\u2060\ufeff\u00ad]+")
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCKS = _HEADINGS | {"p", "div", "br", "tr", "li", "table", "ul", "ol", "hr", "section", "footer"}
_HIDDEN = frozenset(("script", "style", "head", "title", "template", "noscript"))
_REPLY_INTRO = re.compile(
    r"^(On|Am|Le|El|Il|Op|Em)\b.{4,200}\b(wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu)\b.{0,80}:$"
)
_ORIGINAL = re.compile(
    r"^\s*-{2,}\s*(Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Messaggio originale"
    r"|Oorspronkelijk bericht|Mensagem original)\s*-{2,}\s*$",
    re.I,
)
_FORWARD = re.compile(
    r"^\s*(-{2,}\s*(Forwarded message|Weitergeleitete Nachricht|Message transféré|Mensaje reenviado"
    r"|Messaggio inoltrato|Doorgestuurd bericht|Mensagem (re)?encaminhada)\s*-{2,}"
    r"|Begin forwarded message\s?:|Anfang der weitergeleiteten Nachricht\s?:"
    r"|Début du message (transféré|réexpédié)\s?:|Inicio del mensaje reenviado\s?:|Inizio messaggio inoltrato\s?:"
    r"|Begin doorgestuurd bericht\s?:|Início da mensagem (re)?encaminhada\s?:)\s*$",
    re.I,
)
_SENT = r"Sent|Gesendet|Envoyé|Enviad[ao](?: el| em)?|Inviato|Verzonden"
_SENT_LINE = re.compile(rf"^\*?({_SENT})\s?:\*?\s")
_HEADER_LINE = re.compile(
    rf"^\*?({_SENT}|From|To|Cc|Date|Subject|Von|An|Datum|Betreff|De|À|Objet|Para|Fecha|Asunto|Da|A|Data|Oggetto"
    r"|Van|Aan|Onderwerp|Assunto)\s?:\*?\s"
)
_DEVICE = re.compile(r"^(Sent|Get) (from|via) (my )?\w[\w .-]{1,40}$|^Get Outlook for \w+$", re.I)


def html_to_text(html: str) -> str:
    """Visible text, a line per block; quoted blocks get `> ` as in plain mail. Never raises."""
    page = _Page()
    _read(html[:MAX_HTML], page)
    return page.text()


def trim(body: str, *, forwarded: bool = False) -> tuple[str, list[str]]:
    """The body without quoted replies and signature, and what was left out.

    Left out are lines that start with `>` and the "... wrote:" line above them; everything from an "Original Message"
    line or a block of From/Sent/To lines on; everything from a line that is only `--` on. What is forwarded is kept
    whole: all from a "Forwarded message" line on, and all from an "Original Message" line or a block of From/Sent/To
    lines on where nothing stands above it, or the subject says so (`forwarded`).
    """
    lines = [line.rstrip() for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    kept: list[str] = []
    dropped: list[str] = []
    begun = quoted = signed = False
    for number, line in enumerate(lines):
        # Apple Mail quotes what it forwards, and that line too; below other quotes it belongs to them.
        starts = _FORWARD.match(line if quoted else line.removeprefix("> "))
        earlier = not starts and (_ORIGINAL.match(line) or _is_header_block(lines, number))
        if starts or (earlier and (forwarded or not begun)):
            kept += lines[number:]
            break
        if earlier:
            dropped.append("quoted reply")
            break
        if line.startswith(">") or _is_reply_intro(lines, number):
            dropped.append("quoted reply")
            quoted = True
        elif signed or (line == "--" and begun):
            dropped.append("signature")
            signed = True
        elif not _DEVICE.match(line):
            kept.append(line)
            begun = begun or bool(line.strip(" _"))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip(" \n_")
    if not text:
        return body.strip(), []
    return text, [f"{what} left out" for what in dict.fromkeys(dropped)]


class _Page:
    """Collects lines from tags and text in the order they come."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._hidden = 0
        self._quotes = 0

    def opened(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "body":
            # An unclosed <head> must not hide the whole message.
            self._hidden = 0
        elif tag == "blockquote":
            self._break()
            self._quotes += 1
        elif tag in _BLOCKS:
            self._break()
        elif tag in ("td", "th"):
            self._line.append(" ")

    def closed(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "blockquote":
            self._break()
            self._quotes = max(0, self._quotes - 1)
        elif tag in _BLOCKS:
            self._break()

    def said(self, text: str) -> None:
        if not self._hidden:
            self._line.append(_SPACES.sub(" ", unescape(_LONG_NUMBER.sub("&#0", text))))

    def text(self) -> str:
        self._break()
        return "\n".join(self._lines)

    def _break(self) -> None:
        line = " ".join("".join(self._line).split())
        if line:
            self._lines.append(f"> {line}" if self._quotes else line)
        self._line = []


def _read(html: str, page: _Page) -> None:
    last, last_comment = html.rfind(">"), html.rfind("-->")
    quotes_end = True
    at = 0
    while 0 <= (begin := html.find("<", at)) < last:
        page.said(html[at:begin])
        if tag := _TAG.match(html, begin):
            at = _tag_end(html, tag.end()) if quotes_end else -1
            if at < 0:
                # From here on a quote is open to the end: looking for it again at every tag would be quadratic.
                quotes_end = False
                at = html.find(">", tag.end()) + 1
            at = _enter(html, at, page, closing=bool(tag[1]), name=tag[2].lower())
        elif html.startswith("<!--", begin) and begin < last_comment:
            at = html.find("-->", begin + 2) + 3
        elif html[begin + 1] in "!?/":
            at = html.find(">", begin) + 1
        else:
            page.said("<")
            at = begin + 1
    page.said(html[at:])


def _tag_end(html: str, at: int) -> int:
    """Where the tag ends whose name ends at `at`, past any `>` in quoted values; -1 if it does not."""
    return next((found.end() for found in _END_OR_VALUE.finditer(html, at) if found[0] == ">"), -1)


def _enter(html: str, at: int, page: _Page, *, closing: bool, name: str) -> int:
    """Tell the page of a tag that ends at `at`; returns where to read on, which for scripts is their end."""
    if closing:
        page.closed(name)
        return at
    page.opened(name)
    if html.endswith("/>", 0, at):
        page.closed(name)
    elif name in _RAW_END:
        end = _RAW_END[name].search(html, at)
        return end.start() if end else len(html)
    return at


def _is_reply_intro(lines: list[str], number: int) -> bool:
    """Whether the line (or it and its wrapped neighbour) is "On ..., somebody wrote:"."""
    line = lines[number].strip()
    after = lines[number + 1].strip() if number + 1 < len(lines) else ""
    before = lines[number - 1].strip() if number else ""
    return any(_REPLY_INTRO.match(text) for text in (line, f"{line} {after}", f"{before} {line}"))


def _is_header_block(lines: list[str], number: int) -> bool:
    """Whether a quoted message begins here: with From, Date and To alone it could be a booking."""
    if not _HEADER_LINE.match(lines[number]):
        return False
    block = [line for line in lines[number : number + 6] if _HEADER_LINE.match(line)]
    return len(block) >= 3 and any("@" in line or _SENT_LINE.match(line) for line in block)
