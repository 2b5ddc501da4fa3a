"""Paths as people write them, and files that are replaced whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from openclaw_instructor.errors import InvalidArguments, UnreadableSource


def expanded(path: str | Path) -> Path:
    """`path` with a leading `~` or `~user` put in. Raises InvalidArguments for a user this machine does not know."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InvalidArguments(
            f"{path}: this machine knows no home folder for `{Path(path).parts[0]}`; write the path out, "
            "or put ./ before it if that is a file's name"
        ) from None


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step, so that nobody reads half of it; its folder is made, its mode kept. Raises
    UnreadableSource."""
    # Several threads of the daemon may write the same file.
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fresh.write_text(text, encoding="utf-8")
            if path.exists():
                fresh.chmod(path.stat().st_mode & 0o7777)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise UnreadableSource(
            f"{path}: cannot be written ({error.strerror}); check the folder's permissions"
        ) from None
