"""Find the messages in files and folders of mail: mbox files, Maildirs, and trees of message files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from openclaw_instructor.documents.email.mime import unix_lines
from openclaw_instructor.documents.email.outlook import OLE

MAX_MESSAGE = 50_000_000
MARGIN = b"\xef\xbb\xbf\r\n\t "
# The separator line of an mbox; the header fields of the next message follow it.
FROM_LINE = re.compile(rb"From [^\n]{0,500}\n(?=[!-9;-~]{1,100}[ \t]*:)")
_HEAD = 1_000
_FIELD_LINE = re.compile(rb"[!-9;-~]{1,100}[ \t]*:")


def file_messages(data: bytes) -> Iterator[bytes]:
    """Yield the messages of one file: each message of an mbox, or the file itself."""
    lines = data if data.startswith(OLE) or not data.lstrip(MARGIN).startswith(b"From ") else unix_lines(data)
    if FROM_LINE.match(lines):
        yield from mbox_messages(lines)
    else:
        yield data


def mbox_messages(data: bytes) -> Iterator[bytes]:
    """Yield the messages of an mbox file with line feeds as line ends, without the separator lines."""
    found = FROM_LINE.match(data)
    while found is not None:
        begin = at = found.end()
        found = None
        while found is None and (at := data.find(b"\n\nFrom ", at)) >= 0:
            at += 2
            found = FROM_LINE.match(data, at)
        yield data[begin : len(data) if found is None else at].replace(b"\n>From ", b"\nFrom ")


def begins_mbox(path: Path) -> bool:
    """Whether a file begins as an mbox does, whatever its name: Thunderbird and Unix give theirs no suffix."""
    try:
        # A pipe would be waited for.
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return False
    return head.startswith(b"From ") and FROM_LINE.match(head.replace(b"\r\n", b"\n")) is not None


@dataclass(frozen=True)
class Stored:
    """A message in a file: the file, its number among the file's messages (from 1), its bytes, and if it is an mbox."""

    path: Path
    number: int
    data: bytes
    is_one_of_many: bool = False


def stored_messages(path: Path) -> Iterator[Stored]:
    """Yield all messages of a file (.eml, .emlx, .msg, mbox) or a folder: a Maildir or a tree of such files.

    Raises OSError for what cannot be read.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and (file.suffix.lower() in (".eml", ".emlx", ".msg", ".mbox") or is_maildir_file(file)):
                yield from stored_messages(file)
        return
    with path.open("rb") as stream:
        if stream.read(5) == b"From ":
            stream.seek(0)
            for number, data in enumerate(_streamed_mbox(stream), 1):
                yield Stored(path, number, data, is_one_of_many=True)
            return
    for number, data in enumerate(file_messages(path.read_bytes()), 1):
        yield Stored(path, number, data)


def _streamed_mbox(file: BinaryIO) -> Iterator[bytes]:
    """Yield the messages of an mbox of any size, each up to the limit of one message."""
    lines: list[bytes] = []
    size, after_blank = 0, True
    separator = b""
    for line in file:
        line = line.replace(b"\r\n", b"\n")
        if separator:
            # What follows the separator must be a header field.
            if _FIELD_LINE.match(line):
                if lines:
                    yield b"".join(lines)
                lines, size = [], 0
            else:
                lines.append(separator)
            separator = b""
        if after_blank and line.startswith(b"From "):
            separator = line
        elif size <= MAX_MESSAGE:
            lines.append(line.removeprefix(b">") if line.startswith(b">From ") else line)
            size += len(line)
        after_blank = not line.strip(b"\n")
    if lines:
        yield b"".join(lines)


def is_maildir_file(path: Path) -> bool:
    """Whether a file is where a Maildir keeps messages: in `cur` or `new`, with the other one and `tmp` next to it."""
    folder = path.parent
    return folder.name in ("cur", "new") and all((folder.parent / name).is_dir() for name in ("cur", "new", "tmp"))
