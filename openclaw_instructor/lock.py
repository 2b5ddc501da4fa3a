"""Lock between processes; the operating system releases the lock when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openclaw_instructor.errors import Busy, StoreError

_POLL_SECONDS = 0.05


@contextmanager
def exclusive(
    path: Path, wait: float, doing: str, on_wait: Callable[[], None] | None = None, *, inherited: int | None = None
) -> Iterator[int]:
    """Hold `path` as a lock and yield its descriptor.

    `inherited` is the descriptor of a process that held the lock and became this one. Raises Busy when another holder
    keeps it for longer than `wait` seconds.
    """
    descriptor = inherited if inherited is not None and _is_open_on(inherited, path) else _open(path)
    os.set_inheritable(descriptor, False)
    try:
        deadline = time.monotonic() + wait
        while not _taken(descriptor):
            if time.monotonic() >= deadline:
                raise Busy(f"another process is {doing} ({path} is locked); try again when it is done", 5.0)
            if on_wait:
                on_wait()
                on_wait = None
            time.sleep(_POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def held(path: Path) -> bool:
    """Whether some process, this one included, holds the lock now; of a lock that cannot be read, none is known to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # A shared lock, so that two processes that check at once do not take each other for the holder.
        return not _taken(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path} cannot be opened ({error.strerror}); make its folder writable") from None


def _is_open_on(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _taken(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StoreError(
            f"nothing can be locked on the file system of this home ({error.strerror}); set $OPENCLAW_INSTRUCTOR_HOME "
            "to a folder on a disk of this machine"
        ) from None
    return True
