"""Decode a text file: detect its encoding, and whether it is text at all.

Unmarked legacy encodings are named by chardet: of 313 texts of three sentences in 16 languages 312 come out right, with
charset-normalizer 255 (`benchmarks/documents.py encodings`). Where a handful of bytes says too little, the encodings of
Western Europe are tried first.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from openclaw_instructor.documents.document import UnreadableDocument

# A line costs a hundred bytes of memory, however short it is.
MAX_LINES = 400_000
_LINE_END = re.compile(r"\r\n|\n|\r")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_MAGICS = (
    b"%PDF-",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",  # OLE: old Office files, Outlook messages
    b"\x7fELF",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"(\xb5/\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x89PNG",
    b"GIF87a",
    b"GIF89a",
    b"\xff\xd8\xff",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
    b"SQLite format 3\0",
    b"OggS",
    b"fLaC",
    b"AT&TFORM",
)
# Control characters that occur in text of terminals and old systems: bell, backspace, tab, line ends, form feed,
# end of file and escape.
_CONTROL = bytes(set(range(32)) - {7, 8, 9, 10, 11, 12, 13, 26, 27}) + b"\x7f"
_PRINTABLE = bytes(range(32, 127)) + b"\t\n\r"
_MAX_CONTROL_SHARE = 0.02
_SAMPLE_BYTES = 65_536
_BLOCK_BYTES = 1_000_000

# A label stands for the larger encoding (https://encoding.spec.whatwg.org/#names-and-labels).
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
}
_LABELS = {
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "x-cp1251": "cp1251",
}
# Python's other codecs, such as `unicode_escape` and `utf-7`, would decode plain ASCII to something else.
_TEXT_CODEC = re.compile(
    r"utf-8|cp\d+|iso8859-\d+|koi8-[rut]|mac-\w+|gb18030|big5hkscs|euc_j\w+|shift_jis\w*|iso2022_(jp\w*|kr)|johab"
)
_HIGH = re.compile(rb"[\x80-\xff]")
_SAFE_CUT = re.compile(rb"[\n\r\t ]")
_FEW_BYTES = 3
_UNNATURAL = re.compile(
    r"[^\x00-\x7f\u00a0\u00a1\u00a3\u00a7\u00a9\u00ab\u00ae\u00b0\u00b7\u00bb\u00bfÀ-ÖØ-öø-üßŒœ€–—…‘’“”„•™]"  # noqa: RUF001
    r"|\w[^\x00-\x7f\w’–—…]\w|[a-z][À-ÖØ-ÞŒ]"  # noqa: RUF001
)
_MIXED_WORD = re.compile(
    r"[A-Za-z][\u0370-\u03ff\u0400-\u04ff\u0590-\u06ff]|[\u0370-\u03ff\u0400-\u04ff\u0590-\u06ff][A-Za-z]"
)


def lines_of(data: bytes) -> tuple[list[str], list[str]]:
    """Return (lines without their ends, notes on the encoding and on a text of more than MAX_LINES).

    Raises UnreadableDocument for a binary file.
    """
    if binary(data):
        raise UnreadableDocument("a binary file")
    text, notes = decode(data)
    lines = _LINE_END.split(text, MAX_LINES)
    if len(lines) > MAX_LINES and lines.pop():
        notes.append(f"only its first {MAX_LINES:,} lines are read")
    return lines, notes


def binary(data: bytes) -> bool:
    """Check whether data is binary rather than text, in linear time.

    Binary data starts with the signature of a known format, or holds NUL or many control characters that no encoding of
    two or four bytes explains.
    """
    if data.startswith(_MAGICS):
        return True
    if any(data.startswith(bom) for bom, name in _BOMS if name != "utf-8-sig"):
        return False
    if b"\0" in data:
        return _unmarked(data) is None
    control = len(data) - len(data.translate(None, _CONTROL))
    return control > 3 and control > _MAX_CONTROL_SHARE * len(data)


def decode(data: bytes, declared: str = "") -> tuple[str, list[str]]:
    """Decode a text, with notes about what was guessed or damaged.

    Obeyed are, in this order: a byte order mark; NUL bytes, where they stand as in UTF-16 or UTF-32; valid UTF-8; the
    charset that the file itself has `declared`; damaged UTF-8, where more of its sequences are valid than not; the
    detected legacy encoding; Windows-1252. Bytes that the chosen encoding does not know become U+FFFD: a text is never
    refused for its encoding.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _decoded(data, name, [])
    if b"\0" in data and (unmarked := _unmarked(data)):
        return _decoded(data, unmarked, [])
    chosen = _codec(declared)
    if b"\x1b$" in data and (stateful := chosen if chosen.startswith("iso2022") else _iso2022(data)):
        return _decoded(data, stateful, [])
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        mended = data.decode("utf-8", errors="replace")
    if chosen and chosen != "utf-8":
        return _decoded(data, chosen, [])
    if _is_damaged_utf8(mended):
        return mended, ["not valid UTF-8 throughout: damaged characters were replaced"]
    detected = _detect(data)
    return _decoded(data, detected, [f"not UTF-8: read as {spoken(detected)}"])


def codec_of_file(path: Path) -> str:
    """Return Python's name of the encoding of a text file of any size, by the rules of `decode`.

    Raises OSError when it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(_SAMPLE_BYTES)
        for bom, name in _BOMS:
            if head.startswith(bom):
                return name
        if b"\0" in head and (unmarked := _unmarked(head)):
            return unmarked
        stream.seek(0)
        # The first block that is no UTF-8 tells; a character may lie in two blocks.
        utf8 = codecs.getincrementaldecoder("utf-8")()
        while block := stream.read(_BLOCK_BYTES):
            try:
                utf8.decode(block)
            except UnicodeDecodeError:
                mended = block.decode("utf-8", errors="replace")
                return "utf-8" if _is_damaged_utf8(mended) else _detect(block)
            if b"\x1b$" in block and (stateful := _iso2022(block)):
                return stateful
    return "utf-8"


def _is_damaged_utf8(mended: str) -> bool:
    """Whether more of the sequences beyond ASCII were valid than not; `mended` was decoded with replacements."""
    damaged = mended.count("\ufffd")
    return len(mended) - len(mended.encode("ascii", "ignore")) - damaged >= damaged


def _decoded(data: bytes, name: str, notes: list[str]) -> tuple[str, list[str]]:
    text = data.decode(name, errors="replace")
    damaged = [] if notes or "\ufffd" not in text else [f"some bytes are not valid {spoken(name)}"]
    return text, notes + damaged


def spoken(codec: str) -> str:
    """Return the common name of a codec."""
    name = codec.removesuffix("-sig")
    return f"Windows-{name[2:]}" if re.fullmatch(r"cp125\d", name) else name.upper().replace("_", "-")


def _codec(label: str) -> str:
    """Return Python's name of a declared charset; "" for one that is unknown or not for text."""
    label = label.strip().strip("\"'").lower()
    try:
        name = codecs.lookup(_LABELS.get(label, label)).name
    except (LookupError, ValueError):
        return ""
    name = _WIDER.get(name, name)
    return name if _TEXT_CODEC.fullmatch(name) else ""


def _unmarked(data: bytes) -> str | None:
    """Find the encoding of two or four bytes that explains the NUL bytes; None if there is none."""
    # A single NUL in ASCII text: decoded in pairs, its letters would look like Chinese.
    if data.count(0) * 5 < len(data) and len(data.translate(None, _PRINTABLE)) * 14 < len(data):
        return None
    if len(data) % 2:
        return None
    start = len(data) // 2 // 4 * 4
    samples = [data[:_SAMPLE_BYTES], data[start : start + _SAMPLE_BYTES]]
    fitting = {name: blocks for name in _UNMARKED if (blocks := _blocks(samples, name))}
    return min(fitting, key=lambda name: fitting[name]) if fitting else None


def _blocks(samples: Iterable[bytes], name: str) -> int:
    """Count the blocks of 256 characters that a text in this encoding uses; 0 if it cannot be one.

    Letters of one script are in few blocks; with the wrong byte order they are spread over many.
    """
    seen: set[int] = set()
    for sample in samples:
        width = 4 if "32" in name else 2
        sample = sample[: len(sample) // width * width]
        text = sample.decode(name, errors="replace")
        strange = text.count("\ufffd") + sum(
            unicodedata.category(character) in _STRANGE for character in text if character not in "\t\n\v\f\r\x1a"
        )
        if not text or strange > len(text) // 500:
            return 0
        seen |= {ord(character) >> 8 for character in text}
    return len(seen)


_STRANGE = frozenset(("Cc", "Cn", "Co", "Cs"))


def _iso2022(data: bytes) -> str:
    """Find the seven-bit encoding that uses these escapes, as in Japanese mail; "" if there is none."""
    for name in ("iso2022_jp", "iso2022_jp_2", "iso2022_kr"):
        try:
            data.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    return ""


def _detect(data: bytes) -> str:
    """Detect the most likely legacy encoding of a text that is not UTF-8."""
    sample = _telling(data)
    high = sum(byte > 0x7F for byte in sample)
    if high > _FEW_BYTES or high * 4 >= len(sample):
        return _named(sample) or _western(sample) or "cp1252"
    # One or two letters fit some language in every encoding.
    return _western(sample) or (_named(sample) if high > 1 else None) or "cp1252"


def _named(sample: bytes) -> str | None:
    """Take the encoding that chardet reports, unless it would mix two scripts within words."""
    import chardet

    name = _codec(chardet.detect(sample)["encoding"] or "")
    mixed = len(_MIXED_WORD.findall(sample.decode(name, errors="replace"))) if name else 0
    return name if name and mixed * 3 <= sum(byte > 0x7F for byte in sample) else None


def _western(sample: bytes) -> str | None:
    """Choose the Western European encoding in which no letter or sign is in an implausible place."""
    in_words = _in_words(sample)
    for name in ("cp1252", "cp850", "mac-roman"):
        text = sample.decode(name, errors="replace")
        beyond_ascii = sum(character > "\x7f" for character in text)
        if len(_UNNATURAL.findall(text)) * 50 <= beyond_ascii and (in_words or name == "cp1252"):
            return name
    return None


def _in_words(sample: bytes) -> bool:
    """Whether every byte beyond ASCII is next to a letter, as in Western words."""
    return not re.search(rb"(?<![A-Za-z\x80-\xff])[\x80-\xff](?![A-Za-z\x80-\xff])", sample)


def _telling(data: bytes) -> bytes:
    """Collect parts of lines with bytes beyond ASCII, as many as a detector needs.

    They are cut at spaces, digits and line ends, where no multi-byte character can be split.
    """
    kept: list[bytes] = []
    at = room = 0
    while room < _SAMPLE_BYTES and (found := _HIGH.search(data, at)):
        before = max(at, found.start() - 100)
        start = max((data.rfind(mark, before, found.start()) + 1 for mark in b"\n\r "), default=0) or before
        end = _SAFE_CUT.search(data, found.start() + 400, found.start() + 2_000)
        at = end.end() if end else min(found.start() + 2_000, len(data))
        kept.append(data[start:at])
        room += at - start
    return b"\n".join(kept)
