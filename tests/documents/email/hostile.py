"""Mails that were made to take all memory or time, by name; run by `python -m tests.documents.email.hostile`.

For each, the address space may grow by twelve times its size and 100 MB; a mail that needs more ends the run.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email import from_fields, read

HEAD = b"From: a@b.c\r\nTo: d@e.f\r\n"
TOP = HEAD + b"Subject: s\r\n"


def page(unit: str, size: int = 300_000, end: str = "") -> bytes:
    return TOP + b"Content-Type: text/html\r\n\r\n" + (unit * (size // len(unit))).encode() + end.encode()


def plain(unit: bytes, size: int = 2_000_000) -> bytes:
    return TOP + b"\r\n" + unit * (size // len(unit))


def nested(word: bytes, depth: int, body: bytes = b"x\r\n") -> bytes:
    parts = b"".join(b'Content-Type: %s/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (word, i, i) for i in range(depth))
    return TOP + parts + b"Content-Type: text/plain\r\n\r\n" + body


def field(name: bytes, unit: bytes, size: int = 400_000) -> bytes:
    """A header folded at 60 characters."""
    line = unit * (60 // len(unit))
    return HEAD + name + b": " + b"\r\n ".join([line] * (size // (len(line) + 3))) + b"\r\n\r\nhi"


def encoded(encoding: bytes, kind: bytes, unit: bytes, size: int = 15_000_000) -> bytes:
    head = TOP + b"Content-Transfer-Encoding: " + encoding + b"\r\nContent-Type: " + kind + b"\r\n\r\n"
    return head + unit * (size // len(unit))


UNITS = [
    "<a ", '<a x="', "<a x='' ", "<!--", "<!", "</a ", "<script>", "<", "x<b>", "<p>", "<a x='>\"", "&#9", "<div>",
    "<b id=1><p>x", "<table><tr><td>", "<td>", "</td>", "</i>", "<i><td>", "<font color=red></div>",
    "<blockquote type=cite>",
    "<a href=x>y", "<style>.a{color:red}</style>", "<style>", "<!--<style></style>", "<p class='a b c d e f g h i j'>",
    "<p style='font-size:1px;color:#fff;left:-999px;'>x", "<img alt='x y z'>", "<select><option>", "<a ='\"x",
]  # fmt: skip

CASES: dict[str, Callable[[], bytes]] = {
    **{f"page of {unit}": lambda unit=unit: page(unit) for unit in UNITS},  # type: ignore[misc]
    **{f"page of {unit} that ends": lambda unit=unit: page(unit, end=">-->") for unit in UNITS[:12]},  # type: ignore[misc]
    "attributes": lambda: page("<a " + " ".join(f"a{i}=b" for i in range(40_000)) + ">x", 1),
    "rules": lambda: page(
        f"<style>{''.join(f'.a .b{i},.c{{color:#{i:06x}}}' for i in range(10_000))}</style>"
        + "<p class='a b1 c'>x" * 5_000,
        1,
    ),
    "open blocks in a sheet": lambda: page("<style>" + "@media x{" * 30_000 + "</style>x", 1),
    **{
        f"{name.decode()} of {unit.decode()}": lambda name=name, unit=unit: field(name, unit)  # type: ignore[misc]
        for name in (b"Subject", b"From", b"Reply-To", b"Content-Type", b"Date")
        for unit in (b"=?utf-8?q?ab?= ", b",", b"(a)", b"a.", b"=?", b'"a" ', b"<", b"name*1=a; ")
    },
    "one encoded word": lambda: HEAD + b"Subject: =?utf-8?q?" + b"=C3=BC" * 2_000_000 + b"?=\r\n\r\nhi",
    "a subject on one line": lambda: HEAD + b"Subject: " + b"word " * 2_000_000 + b"\r\n\r\nhi",
    "headers": lambda: TOP + b"X: y\r\n" * 1_000_000 + b"\r\nhi",
    "a folded header": lambda: TOP + b"X: y\r\n" + b" z\r\n" * 2_000_000 + b"\r\nhi",
    "parts": lambda: TOP + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nhello\r\n" * 100_000,
    "marks of parts on one line": lambda: TOP + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b" * 1_000_000,
    "nested parts": lambda: nested(b"multipart", 1_000, b"\r\n" * 200_000),
    "Nested parts": lambda: nested(b"Multipart", 300, b"\r\n" * 200_000),
    "nested parts of one mark": lambda: TOP + b"Content-Type: Multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 20_000,
    "nested messages": lambda: TOP + b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
    "nested messages in base64": lambda: (
        TOP + b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" * 9_000
    ),
    "a long boundary": lambda: TOP + b"Content-Type: multipart/mixed; boundary=" + b"b" * 5_000_000 + b"\r\n\r\nhi",
    "quoted-printable": lambda: encoded(b"quoted-printable", b"text/html", b"=3Ca=3E"),
    "base64": lambda: encoded(b"base64", b"text/html", b"PHA+"),
    "uuencode": lambda: encoded(b"x-uuencode", b"text/plain", b"M" + b"0" * 60 + b"\r\n"),
    "utf-7": lambda: encoded(b"7bit", b"text/plain; charset=utf-7", b"+AGE-", 5_000_000),
    "escapes": lambda: encoded(b"7bit", b"text/plain; charset=unicode_escape", b"\\N{LATIN SMALL LETTER A}", 5_000_000),
    "iso-2022-jp": lambda: encoded(b"7bit", b"text/plain; charset=iso-2022-jp", b"\x1b$B$\x22", 5_000_000),
    "punycode": lambda: encoded(b"8bit", b"text/plain; charset=punycode", b"-a9\xff", 2_000_000),
    "flowed text": lambda: encoded(b"7bit", b"text/plain; format=flowed", b"a \r\n", 2_000_000),
    "a long line": lambda: plain(b"a", 20_000_000),
    "empty lines": lambda: plain(b"\r\n", 20_000_000),
    "quoted lines": lambda: plain(b">\r\n"),
    "lines of fields": lambda: plain(b"From: x@y\r\n"),
    "lines that announce": lambda: plain(b"On 5 Mar 2026 13:30 <a@b.c> said:\r\n"),
    "lines of a notice": lambda: plain(b"x\r\nconfidential addressee in error delete prohibited liability\r\n"),
    "rules of underscores": lambda: plain(b"a\r\n_____\r\nb\r\n"),
    "closings": lambda: plain(b"Best regards,\r\n"),
    "armour": lambda: plain(b"-----BEGIN PGP SIGNED MESSAGE-----\r\n"),
    "files within": lambda: plain(b"begin 644 a\r\n"),
    "addresses of pages": lambda: plain(b"https://a.b "),
    "combining strokes": lambda: plain("a\u0336\u0327\u0345".encode()),
    "calendar": lambda: encoded(b"7bit", b"text/calendar", b"BEGIN:VEVENT\r\nSUMMARY:x\r\n y\r\n", 2_000_000),
    "winmail.dat": lambda: encoded(b"7bit", b"application/ms-tnef", b"\x78\x9f\x3e\x22\0\0\1\x03\x90\6\0", 2_000_000),
    "smime": lambda: encoded(b"8bit", b"application/pkcs7-mime", b"\x30\x80\x06\x09", 2_000_000),
    "fences": lambda: b"```\n" * 500_000,
    "a mailbox": lambda: b"From a\nX: y\n\n" * 200_000,
    "base64 of nothing": lambda: b"QUFB" * 2_000_000,
    "no headers": lambda: b"word " * 2_000_000,
}  # fmt: skip


def available() -> int:
    """Bytes of address space that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def main() -> None:
    read(TOP + b"Content-Type: text/html\r\n\r\n<p>caf\xe9 \xc3\x28 warms up what is loaded on first use</p>")
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    for name, make in CASES.items():
        data = make()
        resource.setrlimit(resource.RLIMIT_AS, (available() + 12 * len(data) + 100_000_000, hard))
        try:
            message = read(data)
            assert len(message.body) <= 1_100_000
            from_fields(body=data[-200_000:].decode("latin-1"))
        except UnreadableDocument:
            pass
        except MemoryError:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
            sys.exit(f"{name}: more memory than 12 times its size and 100 MB")
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        print(name, flush=True)


if __name__ == "__main__":
    main()
