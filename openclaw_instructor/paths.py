"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path

from openclaw_instructor.errors import InvalidArguments


def expanded(path: str | Path) -> Path:
    """`path` with a leading `~` or `~user` put in. Raises InvalidArguments for a user this machine does not know."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InvalidArguments(
            f"{path}: this machine knows no home folder for `{Path(path).parts[0]}`; write the path out, "
            "or put ./ before it if that is a file's name"
        ) from None
