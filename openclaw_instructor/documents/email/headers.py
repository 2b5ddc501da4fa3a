"""Read the header fields of a message or part, cut to what a mail program would show and decoded.

Everything is cut before it is decoded or parsed, so that no header costs more than a few milliseconds.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from openclaw_instructor.documents.email import charsets
from openclaw_instructor.documents.email.characters import one_line, visible
from openclaw_instructor.documents.email.notes import Notes

_MOST_FIELDS, _MOST_LINES = 1_000, 20_000
# The most bytes read of a field; fields with lists of people may be longer.
_LONGEST, _LONGEST_LIST = 12_000, 60_000
_LISTS = frozenset(("to", "cc", "bcc"))
_LONGEST_NAME = 200

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_TYPE = re.compile(r"[a-z0-9][\w.+-]{0,80}/[a-z0-9][\w.+-]{0,120}", re.ASCII)
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?\n]*)\?=")
_Q_BYTE = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
# Characters that cannot be in an address, and so separate addresses.
_OUTSIDE_ADDRESS = re.compile(r"[\s<>()\[\]\",;:]+")

CUT = "a header is longer than any mail program shows; its end was left out"


@dataclass
class Headers:
    """The fields of one message or part, in order, with lower-case names and their bytes as they came.

    `fallback` is the charset of bytes beyond ASCII that are not UTF-8, which only old programs write.
    """

    fields: list[tuple[str, bytes]] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    fallback: str = ""

    def __bool__(self) -> bool:
        return bool(self.fields)

    def __contains__(self, name: str) -> bool:
        return any(known == name for known, _ in self.fields)

    def raw(self, name: str) -> str:
        """Return the first field of that name without decoding its encoded words; "" if there is none."""
        return next(self._texts(name), "")

    def text(self, name: str, longest: int = _LONGEST) -> str:
        """Return the first field of that name, decoded and on one line; "" if there is none."""
        return one_line(self._decoded(self.raw(name)), longest)

    def texts(self, name: str, most: int = 10, longest: int = 2_000) -> list[str]:
        """Return the first fields of that name, decoded."""
        found = [
            one_line(self._decoded(text), longest) for text, _ in zip(self._texts(name), range(most), strict=False)
        ]
        return [text for text in found if text]

    def address(self, name: str) -> str:
        """Return the first address in the field, in lower case; "" if there is none.

        An address in angle brackets takes precedence over text that looks like one, such as a display name.
        """
        return address_in(self.raw(name))

    def display_name(self, name: str) -> str:
        """Return the display name beside the field's address, without quotes; "" if there is none."""
        raw = self.raw(name)
        begin = raw.rfind("<")
        outside = raw[:begin] if begin >= 0 and "@" in raw[begin:] else raw.replace(_address_word(raw), "", 1)
        return one_line(self._decoded(outside).replace('\\"', '"'), _LONGEST_NAME).strip("\"' ()")

    def date(self, name: str = "date") -> str:
        """Return the date of the field in ISO 8601 with its own UTC offset; "" if it is not a date."""
        with suppress(Exception):  # the standard parser raises various exceptions on malformed dates
            moment: datetime = parsedate_to_datetime(self.raw(name)[:100])
            return moment.isoformat()
        return ""

    @property
    def content_type(self) -> str:
        """The content type, such as "text/plain", which is also the default."""
        kind = self._parsed("content-type").get_content_type()
        return kind if _TYPE.fullmatch(kind) else "text/plain"

    @property
    def disposition(self) -> str:
        """The content disposition: "inline", "attachment" or ""."""
        with suppress(Exception):
            return self._parsed("content-disposition").get_content_disposition() or ""
        return ""

    @property
    def transfer_encoding(self) -> str:
        """The content transfer encoding in lower case."""
        return self.raw("content-transfer-encoding").strip().strip("\"'").lower()

    def parameter(self, name: str, header: str = "content-type") -> str:
        """Return a parameter of a structured field, with charset and encoded words decoded."""
        with suppress(Exception):  # malformed RFC 2231 parameters raise various exceptions
            value = self._parsed(header).get_param(name, "", header)
            if isinstance(value, tuple):
                charset, _, encoded = value
                return charsets.decode(encoded.encode("latin-1", "replace"), charset or "utf-8")[0]
            return self._decoded(str(value))
        return ""

    @property
    def filename(self) -> str:
        """The file name of the part, on one line; "" if it has none."""
        name = self.parameter("filename", "content-disposition") or self.parameter("name")
        return one_line(name, _LONGEST_NAME)

    def _parsed(self, name: str) -> Message:
        message = Message()
        message[name] = " ".join(self.raw(name)[:_LONGEST].split())
        return message

    def _texts(self, name: str) -> Iterator[str]:
        return (self._unencoded(value) for known, value in self.fields if known == name)

    def _unencoded(self, value: bytes) -> str:
        with suppress(UnicodeDecodeError):
            return value.decode("utf-8")
        text, _ = charsets.decode(value, self.fallback or "cp1252")
        return text

    def _decoded(self, text: str) -> str:
        return decode_words(text, self.notes)


def address_in(text: str) -> str:
    """Find the first address in a raw field, preferably in angle brackets; in lower case."""
    text = text[:_LONGEST_LIST]
    bracketed = (piece.partition(">")[0] for piece in text.split("<")[1:])
    return visible(next(filter(None, map(_address_word, bracketed)), "") or _address_word(text)).lower()


def _address_word(text: str) -> str:
    """Find the first word of the text that looks like an address."""
    return next((word for word in _OUTSIDE_ADDRESS.split(text) if "@" in word[1:-1]), "")


def split_head(data: bytes, start: int, end: int, notes: Notes) -> tuple[Headers, int]:
    """Parse the header fields from `start` on, and find where the body begins.

    A line that is not a field ends the header even without a blank line, as in every mail program.
    """
    headers = Headers(notes=notes)
    at = start
    for _ in range(_MOST_LINES):
        if at >= end:
            return headers, end
        stop = data.find(b"\n", at, end)
        stop = end if stop < 0 else stop
        if data[at] in b" \t" and headers.fields and data[at:stop].strip():
            _extend(headers, data, at, stop)
        elif not data[at:stop].strip():
            return headers, min(stop + 1, end)
        elif found := _FIELD.match(data, at, min(stop, at + 200)):
            _add(headers, found[1], data, found.end(), stop)
        else:
            return headers, at
        at = min(stop + 1, end)
    blank = data.find(b"\n\n", at - 1, end)
    notes.add("the mail has more headers than are read; the rest was left out")
    return headers, end if blank < 0 else blank + 2


def _add(headers: Headers, name: bytes, data: bytes, begin: int, end: int) -> None:
    if len(headers.fields) >= _MOST_FIELDS:
        headers.notes.add("the mail has more headers than are read; the rest was left out")
        return
    headers.fields.append((name.decode("ascii").lower(), b""))
    _extend(headers, data, begin, end)


def _extend(headers: Headers, data: bytes, begin: int, end: int) -> None:
    name, value = headers.fields[-1]
    room = (_LONGEST_LIST if name in _LISTS else _LONGEST) - len(value)
    if end - begin > room and room >= 0:
        headers.notes.add(CUT)
    if room > 0:
        headers.fields[-1] = (name, value + data[begin : min(end, begin + room)])


def decode_words(text: str, notes: Notes | None = None) -> str:
    """Decode the encoded words (RFC 2047) in a field.

    Adjacent words of one charset are joined before decoding, because many programs split a multi-byte character between
    two.
    """
    pieces: list[str] = []
    pending: list[tuple[str, str, str]] = []
    at = 0
    for word in _ENCODED_WORD.finditer(text):
        between = text[at : word.start()]
        charset, encoding, content = word[1].partition("*")[0].lower(), word[2].lower(), word[3]
        if pending and (between.strip() or (charset, encoding) != pending[0][:2]):
            pieces.append(_decode_run(pending, notes))
            pending = []
        if between.strip() or not (pending or at):
            pieces.append(between)
        pending.append((charset, encoding, content))
        at = word.end()
    if pending:
        pieces.append(_decode_run(pending, notes))
    return "".join([*pieces, text[at:]])


def _decode_run(words: list[tuple[str, str, str]], notes: Notes | None) -> str:
    charset, encoding, _ = words[0]
    contents = [content for _, _, content in words]
    if encoding == "q":
        data = b"".join(_decode_q(content) for content in contents)
    elif any(content.rstrip().endswith("=") for content in contents[:-1]):
        data = b"".join(_decode_b(content) for content in contents)
    else:
        data = _decode_b("".join(contents))
    text, problem = charsets.decode(data, charset)
    if notes is not None and problem:
        notes.add(problem)
    return text


def _decode_q(content: str) -> bytes:
    data = content.replace("_", " ").encode("utf-8", "replace")
    return _Q_BYTE.sub(lambda found: bytes((int(found[1], 16),)), data)


def _decode_b(content: str) -> bytes:
    letters = _NOT_BASE64.sub("", content)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    with suppress(binascii.Error):
        return base64.b64decode(letters + "=" * (-len(letters) % 4))
    return b""
