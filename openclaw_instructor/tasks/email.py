"""MIME -> Email: the text a person wrote, without transport encoding, markup, quoted replies and signature.

Nothing here raises on a malformed message: what could be read is used, and `notes` says what could not.
"""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser

# More is a broken or hostile message, not mail; the standard parser takes quadratic time over it.
_MAX_DEPTH = 20
_MAX_MULTIPARTS = 200
# Far beyond what any checkpoint reads.
_MAX_HTML = 1_000_000
_HTML = re.compile(r"<(html|body|div|p|br|table|span|a)\b[^>]*>", re.IGNORECASE)
_REPLY_INTRO = re.compile(
    r"^(On|Am|Le|El|Il|Op|Em)\b.{4,200}\b(wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu)\b.{0,80}:$"
)
_ORIGINAL = re.compile(r"^\s*-{2,}\s*(Original Message|Ursprüngliche Nachricht|Message d'origine)\s*-{2,}\s*$", re.I)
_HEADER_LINE = re.compile(r"^\*?(From|Sent|To|Cc|Date|Subject|Von|Gesendet|An|Betreff|De|Envoyé|À|Objet)\s?:\*?\s")
_DEVICE = re.compile(r"^(Sent|Get) (from|via) (my )?\w[\w .-]{1,40}$|^Get Outlook for \w+$", re.I)


@dataclass
class Email:
    """A message as a person would read it. `notes` are plain sentences on what was left out or could not be read."""

    subject: str = ""
    sender: str = ""
    to: str = ""
    date: str = ""
    body: str = ""
    attachments: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Subject and body, as they are embedded."""
        return "\n\n".join(part for part in (self.subject, self.body) if part)


def from_fields(subject: str = "", body: str = "", sender: str = "", to: str = "") -> Email:
    """A message given in parts; a body that is HTML is turned into text."""
    message = Email(" ".join(subject.split()), sender.strip(), to.strip())
    _set_body(message, html_to_text(body) if _HTML.search(body) else body)
    return message


def parse(raw: str | bytes) -> Email:
    """A whole RFC 822 message. Never raises."""
    data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "replace")
    # Leading blank lines, as pasting leaves them, would end the headers before they begin.
    data = data.lstrip(b"\xef\xbb\xbf\r\n\t ")
    message = Email()
    try:
        if data.count(b"multipart/") > _MAX_MULTIPARTS:
            raise ValueError("too many parts")
        parsed: Message = email.message_from_bytes(data, policy=email.policy.default)
        texts: dict[str, list[str]] = {"plain": [], "html": []}
        _collect(parsed, message, texts, 0)
    except Exception as error:  # the standard parser raises many things on hostile input
        message.notes.append(f"the MIME structure is broken ({type(error).__name__}); read as plain text")
        head, _, rest = data.decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")
        _set_body(message, rest or head)
        return message
    if not parsed.keys():
        message.notes = ["no headers found; the whole text was taken as the body"]
    message.subject = _header(parsed, "Subject", message)
    message.sender = _header(parsed, "From", message)
    message.to = _header(parsed, "To", message)
    message.date = _header(parsed, "Date", message)
    plain, html = "\n".join(texts["plain"]).strip(), html_to_text("\n".join(texts["html"]))
    # Some senders put only "your reader cannot show HTML" into the plain part.
    stub = len(plain) < 200 and len(html) > 5 * len(plain)
    _set_body(message, html if stub or not plain else plain)
    return message


def html_to_text(html: str) -> str:
    """Visible text, a line per block; quoted blocks get `> ` as in plain mail."""
    if not html.strip():
        return ""
    reader = _Reader()
    reader.feed(html[:_MAX_HTML])
    reader.close()
    return reader.text()


def trim(body: str) -> tuple[str, list[str]]:
    """The body without quoted replies and signature, and what was left out.

    Left out are lines that start with `>` and the "... wrote:" line above them; everything from an "Original Message"
    line or a block of From/Sent/To lines on; everything from a line that is only `--` on. A message that would be left
    empty (a bare forward) is kept whole.
    """
    lines = [line.rstrip() for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    kept: list[str] = []
    dropped: list[str] = []
    begun = False
    for number, line in enumerate(lines):
        if line == "--" and begun:
            dropped.append("signature")
            break
        if begun and (_ORIGINAL.match(line) or _is_header_block(lines, number)):
            dropped.append("quoted reply")
            break
        if line.startswith(">") or _is_reply_intro(lines, number):
            dropped.append("quoted reply")
        elif not _DEVICE.match(line):
            kept.append(line)
            # A message that opens with a block of headers is a bare forward: the block quotes nothing then.
            begun = begun or bool(line.strip(" _") and not _HEADER_LINE.match(line))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip(" \n_")
    if not text:
        return body.strip(), []
    return text, [f"{what} left out" for what in dict.fromkeys(dropped)]


class _Reader(HTMLParser):
    _BLOCKS = frozenset(
        (
            "p",
            "div",
            "br",
            "tr",
            "li",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "table",
            "ul",
            "ol",
            "hr",
            "section",
            "footer",
        )
    )
    _HIDDEN = frozenset(("script", "style", "head", "title", "template", "noscript"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = [""]
        self._hidden = 0
        self._quotes = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._HIDDEN:
            self._hidden += 1
        elif tag == "body":
            # An unclosed <head> must not hide the whole message.
            self._hidden = 0
        elif tag == "blockquote":
            self._break()
            self._quotes += 1
        elif tag in self._BLOCKS:
            self._break()
        elif tag in ("td", "th"):
            self._lines[-1] += " "

    def handle_endtag(self, tag: str) -> None:
        if tag in self._HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "blockquote":
            self._break()
            self._quotes = max(0, self._quotes - 1)
        elif tag in self._BLOCKS:
            self._break()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            if self._quotes and not self._lines[-1]:
                self._lines[-1] = "> "
            self._lines[-1] += re.sub(r"[\s\u200b-\u200d\u2060\ufeff\u00ad]+", " ", data)

    def _break(self) -> None:
        if self._lines[-1].strip():
            self._lines.append("")

    def text(self) -> str:
        return "\n".join(" ".join(line.split()) for line in self._lines).strip()


def _set_body(message: Email, text: str) -> None:
    message.body, notes = trim(text.replace("\x00", ""))
    message.notes += notes


def _header(parsed: Message, name: str, message: Email) -> str:
    try:
        value = parsed[name]
    except Exception:  # the structured header parser fails on some malformed addresses and dates
        message.notes.append(f"the {name} header is malformed")
        value = next((text for key, text in parsed.raw_items() if key.lower() == name.lower()), "")
    return " ".join(str(value or "").split())


def _collect(part: Message, message: Email, texts: dict[str, list[str]], depth: int) -> None:
    if depth > _MAX_DEPTH:
        message.notes.append("parts nested too deeply were left out")
        return
    if part.defects and depth == 0:
        message.notes.append(f"the message is malformed ({type(part.defects[0]).__name__}); read as well as possible")
    kind, name = part.get_content_type(), _filename(part)
    if kind == "message/rfc822":
        inner = part.get_payload()
        forwarded = inner[0] if isinstance(inner, list) and inner else None
        subject = _header(forwarded, "Subject", message) if isinstance(forwarded, Message) else ""
        message.attachments.append(name or f"{subject or 'message'}.eml")
    elif part.is_multipart():
        for child in part.get_payload():
            if isinstance(child, Message):
                _collect(child, message, texts, depth + 1)
    elif name or part.get_content_disposition() == "attachment":
        message.attachments.append(name or kind)
    elif kind in ("text/plain", "text/html"):
        texts["html" if kind == "text/html" else "plain"].append(_text(part))


def _filename(part: Message) -> str:
    try:
        return " ".join((part.get_filename() or "").split())
    except Exception:  # malformed RFC 2231 parameters
        return "unnamed"


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charsets = [part.get_content_charset("utf-8"), "utf-8"]
    # Text that was already decoded for us is UTF-8 whatever its header says; pure ASCII may be a 7-bit encoding.
    for charset in charsets if data.isascii() else reversed(charsets):
        try:
            return data.decode(charset)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("latin-1")


def _is_reply_intro(lines: list[str], number: int) -> bool:
    """Whether the line (or it and its wrapped neighbour) is "On ..., somebody wrote:"."""
    line = lines[number].strip()
    after = lines[number + 1].strip() if number + 1 < len(lines) else ""
    before = lines[number - 1].strip() if number else ""
    return any(_REPLY_INTRO.match(text) for text in (line, f"{line} {after}", f"{before} {line}"))


def _is_header_block(lines: list[str], number: int) -> bool:
    block = lines[number : number + 6]
    return bool(_HEADER_LINE.match(block[0])) and sum(bool(_HEADER_LINE.match(line)) for line in block) >= 3
