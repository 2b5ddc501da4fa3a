"""Put another file in the place of the index: a crash at any moment leaves either the old one or the new one.

SQLite replays a write-ahead log onto whatever file lies beside it, so the log of the old file has to go before the new
file comes. Between these steps the new file waits under a name of its own, and whoever opens the index next finishes
the exchange.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from openclaw_instructor.errors import StoreError
from openclaw_instructor.lock import exclusive

_LOCK_PATIENCE_SECONDS = 60.0
# SQLite's companions of a file: what is not yet merged into it, and the index over that.
LOG, SHARED_MEMORY = "-wal", "-shm"


def waiting(path: Path) -> Path:
    """Return where a new file waits until the old one is out of its way."""
    return path.with_name(f"{path.name}.next")


def beside(path: Path, suffix: str) -> Path:
    """Return the companion of a file with this suffix."""
    return path.with_name(path.name + suffix)


def put(path: Path, new: Path, kept: Path) -> None:
    """Replace the index by `new`, a complete file in the same folder, and keep the old one with its log as `kept`.

    The caller keeps others from writing to the old one. Raises StoreError when the disk refuses, and then nothing has
    changed.
    """
    try:
        for suffix in ("", LOG):
            companion = beside(path, suffix)
            if companion.exists() and (not suffix or companion.stat().st_size):
                _keep(companion, beside(kept, suffix))
        flush(new)
        new.replace(waiting(path))
        flush(path.parent)
    except OSError as error:
        raise StoreError(
            f"the index {path} could not be replaced ({error}); it is as it was. Make room or the folder writable, and "
            "run the command again"
        ) from None
    finish(path)


def finish(path: Path) -> None:
    """Finish an exchange that was begun, if there is one."""
    if not waiting(path).exists():
        return
    with exclusive(path.with_suffix(".lock"), _LOCK_PATIENCE_SECONDS, "replacing the index"):
        # Another process may have finished it while this one waited.
        if waiting(path).exists():
            for suffix in (LOG, SHARED_MEMORY, "-journal"):
                beside(path, suffix).unlink(missing_ok=True)
            flush(path.parent)
            waiting(path).replace(path)
            flush(path.parent)


def free_name(path: Path, what: str) -> Path:
    """Return a name beside the index under which nothing lies, such as `index.db.damaged-1`."""
    number = 1
    while (found := path.with_name(f"{path.name}.{what}-{number}")).exists():
        number += 1
    return found


def flush(path: Path) -> None:
    """Wait until a file or folder is on the disk, which a power cut then leaves there."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep(old: Path, kept: Path) -> None:
    try:
        kept.hardlink_to(old)
    except OSError:
        # A file system without links.
        shutil.copyfile(old, kept)
        kept.chmod(0o600)
