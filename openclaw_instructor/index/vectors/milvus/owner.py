"""Name this home among those that share a Milvus: a random id in a file of home, drawn anew for a copy of it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path

from openclaw_instructor.errors import StoreError

FILE = "milvus.json"


def owner(home: Path) -> str:
    """Return the id of this home. Raises StoreError where a home that has none cannot be written.

    A copy of a home has another: the inode of its file is not the one that stands in it.
    """
    path = home / FILE
    while (known := _known(path)) is None:
        try:
            path.unlink(missing_ok=True)
            _draw(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be written ({error.strerror}); make its folder writable") from None
    return known


def _known(path: Path) -> str | None:
    try:
        found = json.loads(path.read_bytes())
        mine = found["inode"] == path.stat().st_ino
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(found["owner"]) if mine and str(found.get("owner", "")).isalnum() else None


def _draw(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{FILE}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"owner": secrets.token_hex(6), "inode": os.fstat(descriptor).st_ino}, file)
        # Two processes may draw at once: the first one counts.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)
