"""Read the files of a collection without surprises."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import PurePath

from openclaw_instructor.documents.reading import max_bytes, over_limit


class Skipped(Exception):
    """A file is left out, for a reason; `gone` when it is no longer there.

    `final`: trying it again, in another process, might do harm.
    """

    def __init__(self, reason: str, gone: bool = False, final: bool = False) -> None:
        super().__init__(reason, gone, final)
        self.reason = reason
        self.gone = gone
        self.final = final


def read_bytes(path: str) -> bytes:
    """Read a regular file. Raises Skipped with the reason when it cannot be read."""
    limit = max_bytes(PurePath(path))
    try:
        # Not through a link and not waiting on a pipe that took the file's place since the walk.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Skipped("vanished while it was being indexed", gone=True) from None
    except OSError as error:
        raise Skipped(f"cannot be read ({error.strerror})") from None
    with os.fdopen(descriptor, "rb") as file:
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Skipped("no longer a regular file", gone=True)
            data = file.read(limit + 1)
        except OSError as error:
            raise Skipped(f"cannot be read ({error.strerror})") from None
    if len(data) > limit:
        raise Skipped(over_limit(len(data), limit), gone=True)
    return data


def digest(data: bytes) -> str:
    """Hash the content of a file."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
