"""Group PDFium's characters of a page into segments: pieces of lines as they were drawn.

PDFium was chosen for its licence (BSD, Apache) and speed; it gives characters with places and fonts and no structure.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pypdfium2

# Words belong to one segment if the gap between them is at most this multiple of their size.
_MAX_GAP = 1.6
_MAX_WORDS = 50_000
_MAX_ANNOTATIONS = 500
# The characters with which PDFium marks a hyphen at a line end.
_BREAKING_HYPHENS = "\x02\ufffe"
_SIGNS = {ord(sign): unicodedata.normalize("NFKC", sign) for sign in "ﬀﬁﬂﬃﬄﬅﬆ"} | dict.fromkeys(
    (0x02, 0xFFFE, 0xAD), "-"
)
_WORD = re.compile(r"[^\s\0\x02\ufffe]+[\x02\ufffe]?|[\x02\ufffe]")
_LINE_END = re.compile(r"[\r\n]")
_BOLD = re.compile(r"bold|black|heavy|semibold|demi|cmbx|sfbx|ecbx|bx\d", re.IGNORECASE)
_MONO = re.compile(
    r"mono|courier|consol|typewriter|cmtt|sftt|ectt|menlo|fixed|inconsolata|letter ?gothic", re.IGNORECASE
)
_DIGIT_SIDE = re.compile(r"\d(?=[^\W\d])|[^\s\d](?=\d)")
_UNREADABLE = frozenset(("Co", "Cn", "Cs"))


@dataclass(frozen=True)
class Segment:
    """Words of a line that follow each other closely; lengths in points, `y` grows downwards and is the baseline.

    `order` counts the segments of a page as the file writes them.
    """

    x0: float
    x1: float
    y: float
    size: float
    text: str
    order: int
    is_bold: bool = False
    is_mono: bool = False


@dataclass(frozen=True)
class Page:
    """The segments of a page, turned upright; `aside` is text in other directions, `fields` that of form fields."""

    number: int
    segments: list[Segment]
    top: float
    bottom: float
    aside: list[str]
    fields: list[str]
    has_pictures: bool
    is_garbled: bool


@dataclass
class _Word:
    text: str
    x: float
    y: float
    end_x: float
    end_y: float
    size: float
    angle: int
    index: int
    breaks: bool


def read_page(document: pypdfium2.PdfDocument, number: int) -> Page:
    """Read page `number`, counted from 1."""
    page = document[number - 1]
    try:
        text_page = page.get_textpage()
        try:
            characters = _Characters(text_page.raw)
            words = characters.words()
            angle = _main_angle(words)
            segments, aside = _segments(characters, words, angle)
        finally:
            text_page.close()
        box = page.get_bbox()
        corners = [_turned(x, y, angle)[1] for x in (box[0], box[2]) for y in (box[1], box[3])]
        pictures = not words and any(True for _ in page.get_objects(max_depth=3))
        text = "".join(word.text for word in words)
        garbled = 0 if text.isascii() else sum(unicodedata.category(letter) in _UNREADABLE for letter in text)
        return Page(
            number,
            segments,
            -max(corners),
            -min(corners),
            aside,
            _fields(page),
            pictures,
            (garbled + text.count("\ufffd")) * 3 > len(text) > 0,
        )
    finally:
        page.close()


class _Characters:
    """The characters of a page, read with PDFium's functions into buffers that are reused."""

    def __init__(self, text_page: object) -> None:
        from pypdfium2 import raw

        self._raw = raw
        self._page = text_page
        self._matrix = raw.FS_MATRIX()
        self._x, self._y, self._end_x, self._end_y = (ctypes.c_double() for _ in range(4))
        self._left, self._right, self._bottom, self._top = (ctypes.c_double() for _ in range(4))
        self._font = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()

    def words(self) -> list[_Word]:
        """Yield the words in the order of the file."""
        text = self._text()
        words: list[_Word] = []
        end = 0
        for found in islice(_WORD.finditer(text), _MAX_WORDS):
            # PDFium gives no line end after a hyphen that breaks a word.
            breaks = not words or text[found.start() - 1] in _BREAKING_HYPHENS
            breaks = breaks or bool(_LINE_END.search(text, end, found.start()))
            end = found.end()
            for first, last in self._parts(found[0], found.start()):
                words.append(self._placed(text[first : last + 1], first, last, breaks))
                breaks = False
        return words

    def font(self, index: int) -> str:
        """Return the font name of a character."""
        self._raw.FPDFText_GetFontInfo(self._page, index, self._font, 128, self._flags)
        return self._font.value.decode("utf-8", "replace")

    def _text(self) -> str:
        """Read the text with each character at its index."""
        count = self._raw.FPDFText_CountChars(self._page)
        buffer = (ctypes.c_ushort * (count + 1))()
        self._raw.FPDFText_GetText(self._page, 0, count, buffer)
        text = bytes(buffer).decode("utf-16-le", "replace")[:count]
        # Indices shift where PDFium leaves out characters, and for those of two UTF-16 units.
        if len(text) == count and not text.endswith("\0"):
            return text
        codes = (self._raw.FPDFText_GetUnicode(self._page, index) for index in range(count))
        return "".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes)

    def _parts(self, text: str, start: int) -> list[tuple[int, int]]:
        """Yield the first and last character of each part of a word; a footnote mark is separate from its word."""
        ends = start + len(text) - 1
        cuts = []
        for found in _DIGIT_SIDE.finditer(text):
            at = start + found.end()
            before, after = (self._raw.FPDFText_GetFontSize(self._page, index) for index in (at - 1, at))
            if abs(before - after) > 0.15 * max(before, after):
                cuts.append(at)
        return list(zip([start, *cuts], [*(cut - 1 for cut in cuts), ends], strict=True)) if cuts else [(start, ends)]

    def _placed(self, text: str, first: int, last: int, breaks: bool) -> _Word:
        raw, page, matrix = self._raw, self._page, self._matrix
        raw.FPDFText_GetCharOrigin(page, first, self._x, self._y)
        raw.FPDFText_GetCharOrigin(page, last, self._end_x, self._end_y)
        raw.FPDFText_GetCharBox(page, last, self._left, self._right, self._bottom, self._top)
        scale, turned = 1.0, 0
        if raw.FPDFText_GetMatrix(page, first, matrix):
            scale = math.hypot(matrix.c, matrix.d) or 1.0
            if matrix.b or matrix.a < 0:
                turned = round(math.degrees(math.atan2(matrix.b, matrix.a)) / 15) * 15 % 360
        size = raw.FPDFText_GetFontSize(page, first) * scale
        # The last letter ends at the far side of its box, in either direction of the line.
        end_x, end_y = self._end_x.value, self._end_y.value
        if turned in (0, 180):
            end_x = self._left.value if turned else self._right.value
        else:
            end_y = self._top.value if turned == 90 else self._bottom.value
        shown = text.translate(_SIGNS) if not text.isascii() or _BREAKING_HYPHENS[0] in text else text
        return _Word(shown, self._x.value, self._y.value, end_x, end_y, max(size, 0.1), turned, first, breaks)


def _main_angle(words: list[_Word]) -> int:
    lengths: Counter[int] = Counter()
    for word in words:
        lengths[word.angle] += len(word.text)
    return max(lengths, key=lambda angle: (lengths[angle], -angle), default=0)


def _turned(x: float, y: float, angle: int) -> tuple[float, float]:
    if not angle:
        return x, y
    turn = math.radians(angle)
    return x * math.cos(turn) + y * math.sin(turn), -x * math.sin(turn) + y * math.cos(turn)


def _segments(characters: _Characters, words: list[_Word], angle: int) -> tuple[list[Segment], list[str]]:
    """Extract the segments along the main text direction, and the texts in other directions."""
    segments: list[Segment] = []
    aside: list[str] = []
    run: list[_Word] = []
    for word in [*words, None]:
        if run and (word is None or not _continues(run[-1], word, angle)):
            if run[0].angle == angle:
                segments.append(_segment(characters, run, angle, len(segments)))
            else:
                aside.append(" ".join(member.text for member in run))
            run = []
        if word is not None:
            run.append(word)
    return segments, aside


def _continues(before: _Word, word: _Word, angle: int) -> bool:
    if word.breaks or word.angle != before.angle:
        return False
    end, start = _turned(before.end_x, before.end_y, word.angle), _turned(word.x, word.y, word.angle)
    size = max(before.size, word.size)
    return abs(end[1] - start[1]) < 0.5 * size and -size < start[0] - end[0] < _MAX_GAP * size


def _segment(characters: _Characters, run: list[_Word], angle: int, order: int) -> Segment:
    starts = [_turned(word.x, word.y, angle) for word in run]
    ends = [_turned(word.end_x, word.end_y, angle) for word in run]
    # Take the size and height of most characters, because footnote marks are smaller and higher.
    largest = max(run, key=lambda word: len(word.text))
    first, last = characters.font(run[0].index), characters.font(run[-1].index)
    return Segment(
        min(x for x, _ in starts),
        max(x for x, _ in ends),
        -_turned(largest.x, largest.y, angle)[1],
        largest.size,
        " ".join(word.text for word in run),
        order,
        bool(_BOLD.search(first) and _BOLD.search(last)),
        bool(_MONO.search(first) and _MONO.search(last)),
    )


@cache
def _field_keys() -> tuple[dict[int, str], int]:
    from pypdfium2 import raw

    notes = (raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_TEXT, raw.FPDF_ANNOT_HIGHLIGHT)
    return {raw.FPDF_ANNOT_WIDGET: "V"} | dict.fromkeys(notes, "Contents"), raw.FPDF_ANNOT_WIDGET


def _fields(page: pypdfium2.PdfPage) -> list[str]:
    """Read the form fields and annotations of a page."""
    from pypdfium2 import raw

    found: list[str] = []
    keys, widget = _field_keys()
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        subtype = raw.FPDFAnnot_GetSubtype(annotation)
        if subtype in keys:
            value = _annotated(annotation, keys[subtype])
            name = _annotated(annotation, "T") if subtype == widget else ""
            if value and value != "Off":
                found.append(f"{name}: {value}" if name else value)
        raw.FPDFPage_CloseAnnot(annotation)
    return found


def _annotated(annotation: object, key: str) -> str:
    from pypdfium2 import raw

    length = raw.FPDFAnnot_GetStringValue(annotation, key.encode(), None, 0)
    if not 2 < length < 100_000:
        return ""
    buffer = (ctypes.c_ushort * (length // 2))()
    raw.FPDFAnnot_GetStringValue(annotation, key.encode(), buffer, length)
    return " ".join(bytes(buffer).decode("utf-16-le", "replace").rstrip("\0").split())
