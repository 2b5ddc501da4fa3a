"""Write and check a file of derived vectors: the bytes of a payload, and behind them a footer that says what they are.

The payload comes first, so that FAISS' own tools read the file too. A file is checked whole before anything in it is
parsed, and read a block at a time, so that neither damage nor a size that a header only claims costs memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

# Of the whole format; a file of another one is built anew.
FORMAT = 2
_FOOTER = struct.Struct("<I8s")
_MAGIC = b"ocivec01"
_MOST_FOOTER_BYTES = 65_536
_BLOCK_BYTES = 1 << 20


class DamagedFile(ValueError):
    """The file is not what was once written."""


@dataclass(frozen=True)
class Footer:
    """What a file says of its payload of `size` bytes.

    `generation` (a key) and `revision` tell whose vectors it holds.
    """

    generation: str
    revision: int
    size: int = 0
    kind: str = ""
    details: dict[str, Any] = field(default_factory=dict)


def write(path: Path, footer: Footer, fill: Callable[[Path], object]) -> bool:
    """Have `fill` write the payload to a path that it is given, and put the file in place with its footer.

    Return False where the folder takes no file: everything in it can be built again.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                # For as long as it is being written; the system lets go of it when the process dies.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fill(temporary)
                checksum = _checksum(file, file.seek(0, os.SEEK_END))
                state = {
                    "format": FORMAT,
                    "kind": footer.kind,
                    "generation": footer.generation,
                    "revision": footer.revision,
                    "crc32": checksum,
                    "details": footer.details,
                }
                data = json.dumps(state).encode()
                file.seek(0, os.SEEK_END)
                file.writelines([data, _FOOTER.pack(len(data), _MAGIC)])
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return True
    return False


def read_footer(path: Path) -> Footer | None:
    """Check a whole file and return its footer; None if there is none of this format. Raises DamagedFile."""
    try:
        file = path.open("rb")
    except OSError:
        return None
    with file:
        try:
            end = file.seek(0, os.SEEK_END) - _FOOTER.size
            file.seek(max(0, end))
            length, magic = _FOOTER.unpack(file.read(_FOOTER.size))
            if magic != _MAGIC or not 0 < length <= min(_MOST_FOOTER_BYTES, end):
                raise DamagedFile("it has no footer")
            file.seek(end - length)
            state = json.loads(file.read(length))
            if state["crc32"] != _checksum(file, end - length):
                raise DamagedFile("its checksum does not match")
            if state.get("format", 1) != FORMAT:
                return None
            return Footer(state["generation"], int(state["revision"]), end - length, state["kind"], state["details"])
        except (OSError, struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedFile(str(error)) from None


def version(path: Path) -> tuple[int, int] | None:
    """Return inode and time of a file, which another one in its place does not have; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def remove_leftovers(folder: Path) -> None:
    """Remove files that a process began and never finished: those that nobody holds locked."""
    for path in folder.glob("*.tmp"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def _checksum(file: BinaryIO, size: int) -> int:
    checksum = 0
    for block in _blocks(file, size):
        checksum = zlib.crc32(block, checksum)
    return checksum


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    file.seek(0)
    while size > 0:
        block = file.read(min(size, _BLOCK_BYTES))
        if not block:
            raise DamagedFile("it is shorter than it says")
        size -= len(block)
        yield block
