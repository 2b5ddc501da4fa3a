"""Parse MIME into a tree of parts, by offsets into the message, so that nothing is copied or decoded.

The parser of the standard library builds a string of every line: 3 s and 200 MB for a mail of 50 MB, and it takes
quadratic time over nested parts. Here attachments are passed over.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from openclaw_instructor.documents.email.headers import Headers, split_head
from openclaw_instructor.documents.email.notes import Notes

# Far more than real mail has.
MAX_DEPTH, MAX_PARTS = 20, 500
_LONGEST_BOUNDARY = 200

TOO_DEEP = "parts nested too deeply were left out"
TOO_MANY = "the mail has more parts than are read; the rest was left out"
NO_BOUNDARY = "the mail is malformed: the line that parts its sections is missing or wrong; read as well as possible"
PARTIAL = "the mail is malformed: some of its encoded text is damaged; read as well as possible"

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"))
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_MESSAGES = ("message/rfc822", "message/global")
_READ = ("text", "message", "multipart")
_READ_TYPES = frozenset(("application/ms-tnef", "application/vnd.ms-tnef", "application/pkcs7-mime",
                         "application/x-pkcs7-mime", "application/ics"))  # fmt: skip


@dataclass
class Part:
    """A message or a part of one: its header fields, and its body as the bytes `begin` to `end` of `data`."""

    headers: Headers
    data: bytes
    begin: int
    end: int
    notes: Notes
    children: list[Part] = field(default_factory=list)

    @cached_property
    def content_type(self) -> str:
        """The type of the part, such as "text/plain"."""
        return self.headers.content_type

    @property
    def main_type(self) -> str:
        """The type before the slash."""
        return self.content_type.partition("/")[0]

    @property
    def is_message(self) -> bool:
        """Whether the part contains a message, which is then its only child."""
        return self.content_type in _MESSAGES

    @property
    def body(self) -> bytes:
        """The body as it is in the message, with its transfer encoding."""
        return self.data[self.begin : self.end]

    def decoded(self, longest: int) -> bytes:
        """Return the first `longest` bytes of the body with its transfer encoding decoded. Never raises."""
        encoding = self.headers.transfer_encoding
        # More encoded bytes than this, line ends included, are not needed for `longest` decoded ones.
        body = self.data[self.begin : min(self.end, self.begin + 4 * longest)]
        if encoding == "base64":
            body = _from_base64(body)
            if not body and self.end - self.begin > 20:
                self.notes.add(PARTIAL)
        elif encoding == "quoted-printable":
            body = binascii.a2b_qp(body)
        elif encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
            body = _from_uuencode(body)
        return body[:longest]

    def walk(self) -> Iterator[Part]:
        """Yield the part itself and all parts inside it, in order."""
        stack = [self]
        while stack:
            part = stack.pop()
            yield part
            stack += reversed(part.children)


def parse(data: bytes, notes: Notes) -> Part:
    """Parse a message whose lines end with line feeds into a tree of parts. Never raises."""
    return _Parser(data, notes).message(0, len(data), 0)


def without_attachments(data: bytes) -> bytes:
    """Remove the content of parts that are not read, but keep their headers."""
    root = parse(data, Notes())
    kept: list[bytes] = []
    at = 0
    for part in root.walk():
        if not part.children and part.main_type not in _READ and part.content_type not in _READ_TYPES:
            kept.append(data[at : part.begin])
            at = max(at, part.end)
    return b"".join([*kept, data[at:]])


class _Parser:
    def __init__(self, data: bytes, notes: Notes) -> None:
        self._data = data
        self._notes = notes
        self._left = MAX_PARTS

    def message(self, begin: int, end: int, depth: int) -> Part:
        headers, body = split_head(self._data, begin, end, self._notes)
        part = Part(headers, self._data, body, end, self._notes)
        if part.main_type != "multipart" and not part.is_message:
            return part
        if depth >= MAX_DEPTH:
            self._notes.add(TOO_DEEP)
        elif part.main_type == "multipart":
            self._read_children(part, depth)
        elif part.headers.transfer_encoding in ("base64", "quoted-printable"):
            # RFC 2046 forbids encoding a multipart, but it occurs; the decoded content has its own offsets.
            inner = _Parser(unix_lines(part.decoded(10_000_000)), self._notes)
            inner._left = self._left
            part.children = [inner.message(0, len(inner._data), depth + 1)]
        else:
            part.children = [self.message(body, end, depth + 1)]
        return part

    def _read_children(self, part: Part, depth: int) -> None:
        declared = part.headers.parameter("boundary").strip()[:_LONGEST_BOUNDARY].encode("utf-8", "replace")
        spans = self._split(part, declared) if declared else []
        if not spans:
            self._notes.add(NO_BOUNDARY)
            spans = self._split(part, self._guessed(part))
        for begin, end in spans:
            if self._left <= 0:
                self._notes.add(TOO_MANY)
                return
            self._left -= 1
            part.children.append(self.message(begin, end, depth + 1))

    def _split(self, part: Part, boundary: bytes) -> list[tuple[int, int]]:
        """Split a body at its boundary lines into spans; an unterminated last part extends to the end of its parent."""
        if not boundary:
            return []
        data, mark = self._data, b"--" + boundary
        spans: list[tuple[int, int]] = []
        opened = -1
        at = part.begin
        while (at := data.find(mark, at, part.end)) >= 0:
            if at > part.begin and data[at - 1] != 0x0A:
                at += len(mark)
                continue
            stop = data.find(b"\n", at, part.end)
            stop = part.end if stop < 0 else stop
            rest = data[at + len(mark) : min(stop, at + len(mark) + 100)].strip()
            if rest not in (b"", b"--"):
                at = stop
                continue
            if opened >= 0:
                spans.append((opened, max(opened, at - 1)))
            if rest == b"--" or len(spans) > MAX_PARTS:
                return spans
            opened = at = min(stop + 1, part.end)
        return [*spans, (opened, part.end)] if opened >= 0 else spans

    def _guessed(self, part: Part) -> bytes:
        """Guess the boundary from the body: its first line that starts with two hyphens and occurs again."""
        head = self._data[part.begin : min(part.end, part.begin + 10_000)]
        for line in re.findall(rb"(?m)^--(\S[^\n]*)$", head)[:20]:
            boundary: bytes = line.strip()[:_LONGEST_BOUNDARY]
            if self._data.find(b"\n--" + boundary, part.begin + len(boundary) + 2, part.end) >= 0:
                return boundary
        return b""


def unix_lines(data: bytes) -> bytes:
    """Normalise all line ends to line feeds."""
    if b"\r" not in data:
        return data
    return data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _from_base64(body: bytes) -> bytes:
    # After the padding there may be other text, such as the footer of a mailing list.
    letters = body.partition(b"=")[0].translate(_URL_SAFE, _NOT_BASE64)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    with suppress(binascii.Error):
        return base64.b64decode(letters + b"=" * (-len(letters) % 4))
    return b""


def _from_uuencode(body: bytes) -> bytes:
    lines = body.split(b"\n")
    begin = next((number + 1 for number, line in enumerate(lines[:100]) if line.startswith(b"begin ")), 0)
    decoded: list[bytes] = []
    for line in lines[begin:]:
        if line.strip() in (b"end", b"`"):
            break
        with suppress(binascii.Error):
            decoded.append(binascii.a2b_uu(line))
    return b"".join(decoded)
