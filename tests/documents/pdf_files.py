"""PDF files made by fpdf2 for tests."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

from fpdf import FPDF

LOREM = (
    "The harbour master keeps a ledger of every ship that enters the bay, with its draught, its cargo and the name of"
    " the pilot who brought it in. Each evening the ledger is read aloud in the customs house, so that nobody can claim"
    " later that a ship was never there. "
)


def made(draw: Callable[[FPDF], None], **options: str) -> bytes:
    """A file of A4 pages that `draw` fills; lengths are in points."""
    file = FPDF(unit="pt", format="A4")
    file.set_auto_page_break(False)
    file.set_font("Helvetica", size=11)
    draw(file)
    for name, value in options.items():
        getattr(file, f"set_{name}")(value)
    return bytes(file.output())


def write(
    file: FPDF, x: float, y: float, text: str, size: float = 11, style: str = "", family: str = "Helvetica"
) -> None:
    """Write one line with its baseline at `y`."""
    file.set_font(family, style, size)
    file.text(x, y, text)


def lines(file: FPDF, x: float, y: float, texts: list[str], size: float = 11, leading: float = 14) -> float:
    """Write lines below each other; returns where the next would be."""
    for text in texts:
        write(file, x, y, text, size)
        y += leading
    return y


def wrapped(file: FPDF, text: str, width: float, size: float = 11) -> list[str]:
    """The lines that a text takes in a column."""
    file.set_font("Helvetica", size=size)
    done: list[str] = []
    line = ""
    for word in text.split():
        if line and file.get_string_width(f"{line} {word}") > width:
            done.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*done, line]


def picture(width: int = 40, height: int = 40) -> io.BytesIO:
    """A grey picture as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x88" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
