"""Small messages for the tests of the mail reader."""

from __future__ import annotations

import base64

HEAD = "From: Dana <dana@example.org>\nTo: me@example.org\nDate: Tue, 3 Mar 2026 10:00:00 +0000\nMIME-Version: 1.0\n"
INVOICE = "Please pay invoice 77 over 120 euros. It is overdue since May."
LUNCH = "Grandma says Sunday is fine, the kids want pancakes."


def mail(body: str, *, subject: str = "Hi", kind: str = "text/plain; charset=utf-8", extra: str = "") -> bytes:
    """A message of one part."""
    return f"{HEAD}Subject: {subject}\nContent-Type: {kind}\n{extra}\n{body}".encode()


def multipart(*parts: str, kind: str = "mixed", subject: str = "Hi", extra: str = "") -> bytes:
    """A message of several parts, each with its own header fields."""
    head = f"{HEAD}Subject: {subject}\n{extra}Content-Type: multipart/{kind}; boundary=B\n\n"
    return (head + "".join(f"--B\n{part}\n" for part in parts) + "--B--\n").encode()


def part(body: str, kind: str = "text/plain; charset=utf-8", extra: str = "") -> str:
    """One part of a message."""
    return f"Content-Type: {kind}\n{extra}\n{body}"


def encoded(data: bytes) -> str:
    """Base64 in lines."""
    return base64.encodebytes(data).decode("ascii")
