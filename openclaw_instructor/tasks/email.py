"""MIME -> Email: the text a person wrote, without transport encoding, markup, quoted replies and signature.

Nothing here raises on a malformed message: what could be read is used, and `notes` says what could not.
"""

from __future__ import annotations

import base64
import codecs
import email
import email.policy
import re
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from email.policy import Policy

from openclaw_instructor.tasks.body import MAX_HTML, html_to_text, trim

# More is a broken or hostile message, not mail; the standard parser takes quadratic time over it.
_MAX_DEPTH = 20
_MAX_MULTIPARTS = 200
# Leading blank lines, as pasting leaves them, would end the headers before they begin.
_MARGIN = b"\xef\xbb\xbf\r\n\t "
_HTML = re.compile(r"<(html|body|div|p|br|table|span|a)\b[^<>]*>", re.IGNORECASE)
_FORWARD_SUBJECT = re.compile(r"^(Fwd?|WG|TR|RV|I|Doorst|Enc)\s?:", re.I)
# What the names stand for in mail, as browsers read them: each is a superset of what it says.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
}
_ALIASES = {
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "windows-874": "cp874",
    "windows-949": "cp949",
    "windows-31j": "cp932",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac-roman",
}
# Not charsets of mail; the first takes quadratic time.
_NO_CHARSETS = ("punycode", "idna", "undefined")
_JIS = re.compile(rb"\x1b\$[@B]([^\x1b\r\n]*)|\x1b\(I([^\x1b\r\n]*)|\x1b\([BJ]")


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
    message = Email()
    try:
        parsed = _structure(data, email.policy.default)
        body = _Reader(message).read(parsed).text
    except Exception as error:  # the standard parser raises many things on hostile input
        message.notes.append(f"the MIME structure is broken ({type(error).__name__}); read as plain text")
        head, _, rest = data.lstrip(_MARGIN).decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")
        _set_body(message, rest or head)
        return message
    if not parsed.keys():
        message.notes = ["no headers found; the whole text was taken as the body"]
    message.subject = _header(parsed, "Subject", message)
    message.sender = _header(parsed, "From", message)
    message.to = _header(parsed, "To", message)
    message.date = _header(parsed, "Date", message)
    _set_body(message, body)
    return message


def as_text(content: bytes) -> str:
    """A whole message as text that `parse` reads alike, whatever 8-bit charsets its parts declare. Never raises."""
    with suppress(UnicodeDecodeError):
        return content.decode("utf-8-sig")
    charsets: list[str] = []
    with suppress(Exception):  # the standard parser and generator raise many things on hostile input
        parsed = _structure(content, email.policy.compat32)
        if not parsed.keys():
            raise ValueError("no headers")
        for part in parsed.walk():
            data = part.get_payload(decode=True)
            if isinstance(data, bytes) and not data.isascii() and part.get_content_maintype() != "multipart":
                charsets.append(part.get_content_charset("utf-8"))
                del part["Content-Transfer-Encoding"]
                part["Content-Transfer-Encoding"] = "base64"
                part.set_payload(base64.encodebytes(data).decode("ascii"))
        content = parsed.as_bytes()
    # What is left beside ASCII is mostly headers: each in UTF-8, or in the charset of the text.
    charset = next((name for name in charsets if not name.startswith("utf")), "cp1252")
    lines = content.splitlines(keepends=True)
    return "".join(line.decode("ascii") if line.isascii() else _decoded(line, charset)[0] for line in lines)


def _structure(data: bytes, policy: Policy) -> Message:
    if data.count(b"multipart/") > _MAX_MULTIPARTS:
        raise ValueError("too many parts")
    return email.message_from_bytes(data.lstrip(_MARGIN), policy=policy)


def _set_body(message: Email, text: str) -> None:
    message.body, notes = trim(text.replace("\x00", ""), forwarded=bool(_FORWARD_SUBJECT.match(message.subject)))
    message.notes += notes


def _header(parsed: Message, name: str, message: Email) -> str:
    try:
        value = parsed[name]
    except Exception:  # the structured header parser fails on some malformed addresses and dates
        message.notes.append(f"the {name} header is malformed")
        value = next((text for key, text in parsed.raw_items() if key.lower() == name.lower()), "")
    return " ".join(str(value or "").split())


@dataclass
class _Content:
    """Text of a part and of those in it; `plain` when none of it was HTML."""

    text: str = ""
    plain: bool = True


class _Reader:
    """Reads the parts of one message into text, attachments and notes."""

    def __init__(self, message: Email) -> None:
        self._message = message
        self._html_left = MAX_HTML

    def read(self, part: Message, depth: int = 0) -> _Content:
        message = self._message
        if depth > _MAX_DEPTH:
            message.notes.append("parts nested too deeply were left out")
            return _Content()
        if part.defects and depth == 0:
            defect = type(part.defects[0]).__name__
            message.notes.append(f"the message is malformed ({defect}); read as well as possible")
        kind, name = part.get_content_type(), _filename(part)
        if kind == "message/rfc822":
            inner = part.get_payload()
            forwarded = inner[0] if isinstance(inner, list) and inner else None
            subject = _header(forwarded, "Subject", message) if isinstance(forwarded, Message) else ""
            message.attachments.append(name or f"{subject or 'message'}.eml")
        elif part.is_multipart():
            contents = [self.read(child, depth + 1) for child in part.get_payload() if isinstance(child, Message)]
            return _alternative(contents) if kind == "multipart/alternative" else _joined(contents)
        elif name or part.get_content_disposition() == "attachment":
            message.attachments.append(name or kind)
        elif kind == "text/plain":
            return _Content(self._text(part))
        elif kind == "text/html":
            html = self._text(part)[: self._html_left]
            self._html_left -= len(html)
            return _Content(html_to_text(html), plain=False)
        return _Content()

    def _text(self, part: Message) -> str:
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        text, note = _decoded(data, part.get_content_charset("utf-8"))
        self._message.notes += [note] if note else []
        return text


def _joined(contents: list[_Content]) -> _Content:
    texts = [content for content in contents if content.text.strip()]
    return _Content("\n".join(content.text for content in texts), all(content.plain for content in texts))


def _alternative(contents: list[_Content]) -> _Content:
    plain = _joined([content for content in contents if content.plain])
    other = _joined([content for content in contents if not content.plain])
    size = len(plain.text.strip())
    # Some senders put only "your reader cannot show HTML" into the plain part.
    stub = size < 200 and len(other.text) > 5 * size
    return other if stub or not size else plain


def _filename(part: Message) -> str:
    try:
        return " ".join((part.get_filename() or "").split())
    except Exception:  # malformed RFC 2231 parameters
        return "unnamed"


def _decoded(data: bytes, charset: str) -> tuple[str, str]:
    """Text of `data`, and a note when it is not sound text in `charset`."""
    codec = _codec(charset)
    unknown = "" if codec or data.isascii() else f"the charset {charset!r} is unknown; read as UTF-8"
    names = [codec or "utf-8", "utf-8"]
    # Text that was already decoded for us is UTF-8 whatever its header says; pure ASCII may be a 7-bit encoding.
    for name in names if data.isascii() else reversed(names):
        try:
            return data.decode(name), unknown
        except UnicodeError:
            if name == "iso2022_jp_ext":
                return _replaced(_JIS.sub(_shift_jis, data), "cp932", charset)
    text, note = _replaced(data, codec or "utf-8", charset)
    if codec in (None, "utf-8") and all(letter.isascii() or letter == "\ufffd" for letter in text):
        return data.decode("cp1252", "replace"), f"the text is not in the charset {charset!r}; read as Windows-1252"
    return text, unknown or note


def _replaced(data: bytes, codec: str, charset: str) -> tuple[str, str]:
    text = data.decode(codec, "replace")
    return text, f"some bytes are not in the charset {charset!r}; they were replaced" if "\ufffd" in text else ""


def _codec(charset: str) -> str | None:
    """Name of the codec that reads `charset` as it is used in mail; None when there is none."""
    try:
        name = codecs.lookup(_ALIASES.get(charset, charset)).name
        b"".decode(name)
    except (LookupError, ValueError):  # some codecs are not for text, and some names cannot be one
        return None
    return None if name in _NO_CHARSETS else _SUPERSETS.get(name, name)


def _shift_jis(found: re.Match[bytes]) -> bytes:
    """A run of ISO-2022-JP as Shift JIS, whose codec knows the signs that Windows added, as in circled numbers."""
    if found[2]:
        return bytes(byte | 0x80 for byte in found[2])
    run = bytearray()
    for row, cell in zip((found[1] or b"")[::2], (found[1] or b"")[1::2], strict=False):
        lead = (row - 0x21) // 2 + 0x81
        run.append(lead if lead < 0xA0 else lead + 0x40)
        run.append(cell + 0x7E if row % 2 == 0 else cell + (0x1F if cell < 0x60 else 0x20))
    return bytes(run)
