"""Decode bytes in the charsets of mail, as browsers and mail programs do.

No problem is ever described in the mail's own words: a charset's name is chosen by the sender.
"""

from __future__ import annotations

import codecs
import re

from openclaw_instructor.documents import encoding

UNKNOWN = "a charset that the mail declares is not known; its text was read as UTF-8"
WRONG = "some text is not in the charset that the mail declares; its letters were guessed"
UNDECLARED = "some text declares no charset; its letters were guessed"
REPLACED = "some bytes are not in the charset that the mail declares; they were replaced"

# The encodings that charset names stand for in mail; each is a superset of the named one.
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
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-6-e": "iso-8859-6",
    "windows-874": "cp874",
    "windows-949": "cp949",
    "windows-31j": "cp932",
    "cp50220": "iso-2022-jp",
    "cp50221": "iso-2022-jp",
    "iso-2022-jp-ms": "iso-2022-jp",
    "x-sjis": "cp932",
    "x-ms-cp932": "cp932",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "macintosh": "mac-roman",
    "ansi_x3.4-1968": "ascii",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "_utf-8": "utf-8",
}
# Not charsets of mail: the first two take quadratic time, the last two can express invalid code points.
_NO_CHARSETS = frozenset(("punycode", "idna", "undefined", "unicode_escape", "raw_unicode_escape"))
_LONGEST_NAME = 40
_JIS = re.compile(rb"\x1b\$[@B]([^\x1b\r\n]*)|\x1b\(I([^\x1b\r\n]*)|\x1b\([BJ]")


def decode(data: bytes, charset: str = "") -> tuple[str, str]:
    """Decode `data`, and say so if it is not valid text in `charset` ("" if none is declared)."""
    codec = codec_of(charset) if charset else "utf-8"
    unknown = "" if codec or data.isascii() else UNKNOWN
    names = [codec or "utf-8", "utf-8"]
    # Text that is valid UTF-8 was probably decoded before, whatever its header says; ASCII may be a 7-bit encoding.
    for name in names if data.isascii() else reversed(names):
        try:
            return data.decode(name), unknown
        except UnicodeError:
            if name == "iso2022_jp_ext":
                return _replaced(_JIS.sub(_as_shift_jis, data), "cp932")
    text, problem = _replaced(data, codec or "utf-8")
    if codec in (None, "utf-8") and all(letter.isascii() or letter == "\ufffd" for letter in text):
        return encoding.decode(data)[0], WRONG if charset else UNDECLARED
    return text, unknown or problem


def codec_of(charset: str) -> str | None:
    """Return the name of the codec for `charset` as mail uses it; None if there is none."""
    charset = charset.strip().strip("\"'").lower()
    if len(charset) > _LONGEST_NAME or not charset.isascii():
        return None
    try:
        name = codecs.lookup(_ALIASES.get(charset, charset)).name
        b"a\0b\0".decode(name, "replace")
    except (LookupError, ValueError):  # some codecs are not for text, and some names are invalid
        return None
    return None if name.replace("-", "_") in _NO_CHARSETS else _SUPERSETS.get(name, name)


def _replaced(data: bytes, codec: str) -> tuple[str, str]:
    text = data.decode(codec, "replace")
    return text, REPLACED if "\ufffd" in text else ""


def _as_shift_jis(found: re.Match[bytes]) -> bytes:
    """Decode a run of ISO-2022-JP as Shift JIS, whose codec knows Windows additions such as circled numbers."""
    if found[2]:
        return bytes(byte | 0x80 for byte in found[2])
    run = bytearray()
    for row, cell in zip((found[1] or b"")[::2], (found[1] or b"")[1::2], strict=False):
        lead = (row - 0x21) // 2 + 0x81
        run.append((lead if lead < 0xA0 else lead + 0x40) & 0xFF)
        run.append((cell + 0x7E if row % 2 == 0 else cell + (0x1F if cell < 0x60 else 0x20)) & 0xFF)
    return bytes(run)
