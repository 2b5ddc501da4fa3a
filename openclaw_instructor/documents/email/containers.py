"""Extract one message from what it comes in: a file of one or many messages, pasted text, or no mail at all."""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress

from openclaw_instructor.documents import encoding
from openclaw_instructor.documents.content import identify
from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email.headers import split_head
from openclaw_instructor.documents.email.mailboxes import FROM_LINE, MARGIN, MAX_MESSAGE, mbox_messages
from openclaw_instructor.documents.email.mime import unix_lines, without_attachments
from openclaw_instructor.documents.email.notes import Notes
from openclaw_instructor.documents.email.outlook import OLE, msg_as_mime

TOO_LONG = "the mail is longer than 50 MB; its end was left out"
SEVERAL = "it holds several messages; only the first was read"

_OUTLOOK_FOLDERS = b"!BDN"
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SAMPLE, _HEAD = 4_000, 20_000

_KNOWN_FIELDS = frozenset(
    [
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "received",
        "return-path",
        "delivered-to",
        "message-id",
        "mime-version",
        "content-type",
        "sender",
        "reply-to",
        "content-transfer-encoding",
        "content-disposition",
        "in-reply-to",
        "references",
        "thread-topic",
        "thread-index",
        "importance",
        "authentication-results",
        "dkim-signature",
        "auto-submitted",
        "precedence",
        "organization",
        "user-agent",
        "newsgroups",
        "envelope-to",
        "status",
        "list-id",
        "list-unsubscribe",
        "list-post",
        "received-spf",
        "content-language",
        "errors-to",
    ]
)
_EMPTY_LINES = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*\n)*")
_FENCE = re.compile(rb"(`{3,}+|~{3,}+)[ \t]*+(?:[\w.+-]{1,20}+[ \t]*+)?\n")
_EMLX = re.compile(rb"(\d{1,10})[ \t]*\n")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")
_MOST_WRAPPINGS = 4
_PASTED = 2_000_000


def prepared(data: bytes, notes: Notes) -> bytes:
    """Extract the one message in `data`, with line feeds as line ends and without any wrapping.

    Accepts plain messages, .emlx, .msg, the first message of an mbox, text in UTF-16, base64 of any of these (as the
    Gmail API returns it), and messages pasted in a code fence, as a quote or indented. Raises UnreadableDocument for a
    file that is not mail.
    """
    refuse_foreign(data)
    if data.startswith(OLE):
        return msg_as_mime(data)
    if len(data) > MAX_MESSAGE:
        notes.add(TOO_LONG)
        data = data[:MAX_MESSAGE]
    data = _without_margin(unix_lines(_as_utf8(data)))
    decoded = _from_base64(data)
    if decoded:
        return prepared(decoded, notes)
    data = _out_of_paste(data)
    if FROM_LINE.match(data):
        messages = mbox_messages(data)
        data = next(messages)
        if next(messages, None) is not None:
            notes.add(SEVERAL)
    return data


def _out_of_paste(data: bytes) -> bytes:
    """Extract the message that was pasted into `data`; other data keeps its quote marks and indentation."""
    unwrapped = data
    for _ in range(_MOST_WRAPPINGS):
        if has_head(unwrapped):
            return unwrapped
        unwrapped = _unwrapped(unwrapped)
    fence = _FENCE.match(data)
    return unwrapped if has_head(unwrapped) else _unwrapped(data) if fence else data


def as_argument(data: bytes) -> str:
    """Convert a message file to the text that `read` accepts: unchanged if it is UTF-8, else base64.

    From a file over the limit, attachments are removed; they are not read anyway. Raises UnreadableDocument for a file
    that is not mail.
    """
    if len(data) > MAX_MESSAGE and not data.startswith(OLE):
        data = without_attachments(unix_lines(data))
    data = data[: MAX_MESSAGE + 1]
    refuse_foreign(data)
    if not data.startswith(OLE):
        with suppress(UnicodeDecodeError):
            return data.decode("utf-8-sig")
        if not has_head(data.lstrip(MARGIN)) and not _EMLX.match(data):
            return encoding.decode(data)[0]
    return base64.b64encode(data).decode("ascii")


def refuse_foreign(data: bytes) -> None:
    """Raise UnreadableDocument, with the format's name, for a file that is clearly not mail."""
    head = data[:_SAMPLE]
    content = identify(data)
    # The reader of .msg gives the better reason for an unknown compound file.
    if content is not None and content.suffix != ".msg" and not (data.startswith(OLE) and not content.suffix):
        raise UnreadableDocument(f"{content.name.partition(';')[0]}, not a mail")
    if head.startswith(_OUTLOOK_FOLDERS):
        raise UnreadableDocument("an Outlook data file (.pst), not a mail")
    marks = (OLE, *(mark for mark, _ in _BYTE_ORDER_MARKS))
    if head.startswith(marks) or has_head(head.lstrip(MARGIN)):
        return
    if encoding.binary(head):
        raise UnreadableDocument("a binary file, not a mail")


def has_head(data: bytes) -> bool:
    """Whether a message begins here: with header fields, at least one of them known, or with an mbox separator."""
    if data.startswith(b"From ") and FROM_LINE.match(data[:2_000]):
        return True
    head = unix_lines(data[:_HEAD])
    headers, _ = split_head(head, 0, len(head), Notes())
    return any(name in _KNOWN_FIELDS or name.startswith("x-") for name, _ in headers.fields)


def _as_utf8(data: bytes) -> bytes:
    for mark, charset in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(charset, "replace").encode("utf-8", "replace")
    wide = _wide_charset(data[:_SAMPLE])
    return data.decode(wide, "replace").encode("utf-8", "replace") if wide else data


def _wide_charset(head: bytes) -> str | None:
    """Detect UTF-16 without a byte order mark: every second byte of the headers is 0."""
    head = head[: len(head) // 2 * 2]
    if len(head) >= 20:
        for charset, zeros, letters in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
            if zeros.count(0) > 0.8 * len(zeros) and letters.count(0) < 0.1 * len(letters):
                return charset
    return None


def _from_base64(data: bytes) -> bytes:
    """Decode a message from data that is entirely base64; b"" if it is not base64 or not a message."""
    text = data.strip()
    if b":" in text[:200] or b" " in text[:200] or not _BASE64.match(text[:200].replace(b"\n", b"")):
        return b""
    letters = text.replace(b"\n", b"").rstrip(b"=")
    if not _BASE64.fullmatch(letters):
        return b""
    try:
        decoded = base64.urlsafe_b64decode(letters.replace(b"+", b"-").replace(b"/", b"_") + b"=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return b""
    known = identify(decoded) is not None or has_head(decoded.lstrip(MARGIN)) or _EMLX.match(decoded) is not None
    return decoded if known else b""


def _unwrapped(data: bytes) -> bytes:
    """Remove one layer around a pasted message: a fence, the .emlx byte count, quote marks or indentation."""
    data = _without_margin(data)
    if len(data) > _PASTED and not _EMLX.match(data):
        return data
    if fence := _FENCE.match(data):
        end = data.rfind(b"\n" + fence[1], fence.end() - 1)
        return data[fence.end() : end if end >= fence.end() else len(data)]
    if (emlx := _EMLX.match(data)) and has_head(data[emlx.end() : emlx.end() + _HEAD]):
        return _emlx_message(data, emlx)
    lines = data.split(b"\n")
    filled = [line for line in lines if line.strip()]
    if filled and all(line.startswith(b">") for line in filled[:5]):
        return b"\n".join(line[2:] if line.startswith(b"> ") else line.removeprefix(b">") for line in lines)
    indent = filled[0][: len(filled[0]) - len(filled[0].lstrip(b" \t"))] if filled else b""
    if indent and all(line.startswith(indent) for line in filled[:5]):
        return b"\n".join(line.removeprefix(indent) for line in lines)
    return data.lstrip(b" \t") if has_head(data.lstrip(b" \t")[:_SAMPLE]) else data


def _without_margin(data: bytes) -> bytes:
    """Remove empty lines at the start, which would end the headers before they begin."""
    empty = _EMPTY_LINES.match(data)
    return data[empty.end() :] if empty and empty.end() else data


def _emlx_message(data: bytes, count: re.Match[bytes]) -> bytes:
    message = data[count.end() :]
    # The count may be wrong after line ends were changed; the property list after the message is the better mark.
    end = message.rfind(b"<?xml version=")
    return message[:end] if end >= 0 and b"<plist" in message[end:] else message[: int(count[1])]
