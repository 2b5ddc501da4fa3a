"""Rewrite Outlook's formats, .msg files and TNEF (winmail.dat), as MIME, so that one reader reads all mail.

olefile reads the container and compressed-rtf the text of old messages. extract-msg is under the GPL,
python-oxmsg adds little to olefile, and tnefparse has had no release since 2021: a property list takes few lines.
"""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email import charsets
from openclaw_instructor.documents.email.characters import one_line

if TYPE_CHECKING:
    from olefile import OleFileIO

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
TNEF = b"\x78\x9f\x3e\x22"
DAMAGED = "an Outlook message (.msg) that is damaged"
NOT_A_MESSAGE = "an old Office file, not a mail"

# The MAPI properties of a message.
SUBJECT, HEADERS, SENT, DELIVERED, TO, CC = 0x0037, 0x007D, 0x0039, 0x0E06, 0x0E04, 0x0E03
SENDER, SENDER_ADDRESS, SENDER_SMTP, MESSAGE_CLASS = 0x0C1A, 0x0C1F, 0x5D01, 0x001A
BODY, RTF, HTML, CODEPAGE, INTERNET_CODEPAGE = 0x1000, 0x1009, 0x1013, 0x3FFD, 0x3FDE
LONG_FILE_NAME, FILE_NAME, DISPLAY_NAME = 0x3707, 0x3704, 0x3001
_TEXTS = frozenset((SUBJECT, HEADERS, TO, CC, SENDER, SENDER_ADDRESS, SENDER_SMTP, MESSAGE_CLASS, BODY))

_LONGEST_BODY, _LONGEST_RTF, _MOST_ATTACHMENTS, _MOST_PROPERTIES = 2_000_000, 300_000, 100, 2_000
_WIDTHS = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_NARROW, _WIDE, _BYTES, _OBJECT = 0x1E, 0x1F, 0x102, 0x0D
_WRITTEN_BY_US = ("content-", "mime-version")

Properties = dict[int, bytes]


def msg_as_mime(data: bytes) -> bytes:
    """Convert a .msg file to MIME. Raises UnreadableDocument if it is damaged or another Office file."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            names = [entry[-1] for entry in ole.listdir() if len(entry) == 1]
            if not any(name.startswith("__substg1.0_") for name in names):
                raise UnreadableDocument(NOT_A_MESSAGE)
            properties = _streams(ole, names)
            folders = [entry for entry in ole.listdir(streams=False, storages=True) if len(entry) == 1]
            attached = [entry[0] for entry in folders if entry[0].startswith("__attach_")][:_MOST_ATTACHMENTS]
            attachments = [_attachment_name(ole, folder) for folder in attached]
    except UnreadableDocument:
        raise
    except Exception as error:  # olefile raises various exceptions on damaged files
        raise UnreadableDocument(DAMAGED) from error
    return _as_mime(properties, attachments)


def tnef_as_mime(data: bytes) -> bytes:
    """Convert a winmail.dat to MIME; b"" if it holds neither text nor attachments. Never raises."""
    properties: Properties = {}
    attachments: list[str] = []
    for kind, value in _tnef_attributes(data):
        if kind == 0x2800C:
            properties.setdefault(BODY, value.rstrip(b"\0"))
        elif kind == 0x69003:
            properties |= dict(_mapi_properties(value))
        elif kind == 0x69002:
            attachments.append("")
        elif kind == 0x18010 and attachments:
            attachments[-1] = attachments[-1] or _decoded(value.rstrip(b"\0"), "")
        elif kind == 0x69005 and attachments:
            own = dict(_mapi_properties(value))
            attachments[-1] = _text(own, LONG_FILE_NAME) or attachments[-1] or _text(own, FILE_NAME)
    if not any(own in properties for own in (BODY, HTML, RTF)) and not attachments:
        return b""
    return _as_mime(properties, [name or "attachment" for name in attachments[:_MOST_ATTACHMENTS]])


def _as_mime(properties: Properties, attachments: list[str]) -> bytes:
    fields = [line for line in _unfolded(_text(properties, HEADERS)) if not line.lower().startswith(_WRITTEN_BY_US)]
    known = {line.partition(":")[0].strip().lower() for line in fields}
    address = _text(properties, SENDER_SMTP) or _text(properties, SENDER_ADDRESS)
    sender = f"{_text(properties, SENDER)} <{address}>" if "@" in address else _text(properties, SENDER)
    own = {"Subject": _text(properties, SUBJECT), "From": sender, "To": _text(properties, TO),
           "Cc": _text(properties, CC), "Date": _date(properties)}  # fmt: skip
    fields += [f"{name}: {value}" for name, value in own.items() if value and name.lower() not in known]
    if "report.ipm.note.ndr" in _text(properties, MESSAGE_CLASS).lower():
        fields.append("X-Failed-Recipients: unknown")
    parts = [_part("text/html" if html else "text/plain", text) for html, text in _bodies(properties)]
    alternatives = [_multipart("alternative", parts)] if len(parts) > 1 else parts
    files = [f'Content-Type: application/octet-stream; name="{name}"\nContent-Disposition: attachment\n\n'
             for name in (one_line(name, 200).replace('"', "'") for name in attachments)]  # fmt: skip
    head = "\n".join([*fields, "MIME-Version: 1.0", _multipart("mixed", [*alternatives, *files])])
    return head.encode("utf-8", "replace")


def _bodies(properties: Properties) -> list[tuple[bool, str]]:
    """Read the text and HTML bodies of the message; a body that is only in RTF becomes text."""
    found: list[tuple[bool, str]] = []
    if BODY in properties:
        found.append((False, _text(properties, BODY)))
    if HTML in properties:
        found.append((True, _decoded(properties[HTML], _code_page(properties, INTERNET_CODEPAGE))))
    if not any(text.strip() for _, text in found) and RTF in properties:
        found = [(False, _rtf_text(properties[RTF]))]
    return [(html, text) for html, text in found if text.strip()]


def _part(kind: str, text: str) -> str:
    encoded = base64.encodebytes(text[:_LONGEST_BODY].encode("utf-8", "replace")).decode("ascii")
    return f"Content-Type: {kind}; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{encoded}"


def _multipart(kind: str, parts: list[str]) -> str:
    mark = f"outlook-{kind}"
    return f"Content-Type: multipart/{kind}; boundary={mark}\n\n" + "".join(
        f"--{mark}\n{part}\n" for part in parts
    ) + f"--{mark}--\n"  # fmt: skip


def _unfolded(headers: str) -> list[str]:
    lines: list[str] = []
    for line in headers.replace("\r\n", "\n").split("\n")[:5_000]:
        if (line[:1] in (" ", "\t") and lines) or (":" in line and " " not in line.partition(":")[0]):
            lines.append(line)
    return lines


def _date(properties: Properties) -> str:
    for own in (SENT, DELIVERED):
        if len(properties.get(own, b"")) == 8:
            ticks = struct.unpack("<Q", properties[own])[0]
            with suppress(OverflowError, ValueError):
                return format_datetime(datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10))
    return ""


def _text(properties: Properties, own: int) -> str:
    return _decoded(properties.get(own, b""), _code_page(properties, CODEPAGE)).rstrip("\0")


def _decoded(data: bytes, charset: str) -> str:
    return charsets.decode(data, charset)[0]


def _code_page(properties: Properties, own: int) -> str:
    data = properties.get(own, b"")[:4]
    page = int.from_bytes(data, "little") if data else 0
    return {0: "", 65001: "utf-8", 20127: "ascii", 28591: "cp1252", 50220: "iso-2022-jp", 20866: "koi8-r"}.get(
        page, f"cp{page}" if page < 20_000 else ""
    )


def _streams(ole: OleFileIO[str], names: list[str]) -> Properties:
    """Read the properties of a storage; those of variable length have a stream each, the others share one."""
    properties: Properties = {}
    for name in names:
        if name.startswith("__substg1.0_") and len(name) == 20:
            own, kind = int(name[12:16], 16), int(name[16:20], 16)
            if own in _TEXTS or own in (HTML, RTF):
                value = ole.openstream(name).read(2 * _LONGEST_BODY)
                properties[own] = _unicode(value) if kind == _WIDE else value
    if "__properties_version1.0" in names:
        fixed = ole.openstream("__properties_version1.0").read(32 + 16 * _MOST_PROPERTIES)[32:]
        for at in range(0, len(fixed) - 15, 16):
            kind, own = struct.unpack_from("<HH", fixed, at)
            if kind in (0x03, 0x40):
                properties.setdefault(own, fixed[at + 8 : at + (12 if kind == 0x03 else 16)])
    return properties


def _attachment_name(ole: OleFileIO[str], folder: str) -> str:
    for own in (LONG_FILE_NAME, FILE_NAME, DISPLAY_NAME):
        for kind in (_WIDE, _NARROW):
            path = [folder, f"__substg1.0_{own:04X}{kind:04X}"]
            if ole.exists(path):
                value = ole.openstream(path).read(2_000)
                return _decoded(_unicode(value) if kind == _WIDE else value, "")
    return "attachment"


def _unicode(data: bytes) -> bytes:
    return data[: 2 * _LONGEST_BODY].decode("utf-16-le", "replace").encode("utf-8", "replace")


def rtf_text(source: bytes) -> str:
    """Convert an RTF document to text in linear time; "" if it is damaged."""
    from openclaw_instructor.documents.readers import rtf

    with suppress(UnreadableDocument):
        return rtf.read(source[:_LONGEST_BODY], PurePath("mail.rtf")).text
    return ""


def _rtf_text(compressed: bytes) -> str:
    from compressed_rtf import decompress

    if len(compressed) > _LONGEST_RTF:
        return ""
    with suppress(Exception):  # it raises many things on damaged text
        return rtf_text(decompress(compressed))
    return ""


def _tnef_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield ids and values of a TNEF stream, up to the first damaged one."""
    at = 6
    if not data.startswith(TNEF):
        return
    while at + 9 <= len(data):
        level, kind, length = struct.unpack_from("<BII", data, at)
        if level not in (1, 2) or at + 9 + length > len(data):
            return
        yield kind, data[at + 9 : at + 9 + length]
        at += length + 11


def _mapi_properties(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield ids and values of an encoded property list, up to the first damaged one; skip multiple values."""
    with suppress(struct.error):
        count = min(struct.unpack_from("<I", data)[0], _MOST_PROPERTIES)
        at = 4
        for _ in range(count):
            kind, own = struct.unpack_from("<HH", data, at)
            at += 4
            if own >= 0x8000:
                at = _after_name(data, at)
            many, kind = kind & 0x1000, kind & 0xEFFF
            values = 1
            if many or kind in (_NARROW, _WIDE, _BYTES, _OBJECT):
                values = min(struct.unpack_from("<I", data, at)[0], len(data))
                at += 4
            for number in range(values):
                if kind in _WIDTHS:
                    length = padded = _WIDTHS[kind]
                elif kind in (_NARROW, _WIDE, _BYTES, _OBJECT):
                    length = struct.unpack_from("<I", data, at)[0]
                    padded = (length + 3) // 4 * 4
                    at += 4
                else:
                    return
                if at + length > len(data):
                    return
                if number == 0 and not many:
                    value = data[at : at + length]
                    yield own, _unicode(value) if kind == _WIDE else value
                at += padded


def _after_name(data: bytes, at: int) -> int:
    """Return the position after the name of a named property: a GUID, and a number or a text."""
    if struct.unpack_from("<I", data, at + 16)[0] == 0:
        return at + 24
    length: int = struct.unpack_from("<I", data, at + 20)[0]
    return at + 24 + min((length + 3) // 4 * 4, len(data))
