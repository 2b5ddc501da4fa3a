"""Expand and compare paths as people write them; replace files atomically."""

from __future__ import annotations

import os
from pathlib import Path

from openclaw_instructor.errors import InvalidArguments, UnreadableSource


def expanded(path: str | Path) -> Path:
    """Return `path` with a leading `~` or `~user` expanded. Raises InvalidArguments for an unknown user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InvalidArguments(
            f"{path}: this machine knows no home folder for `{Path(path).parts[0]}`; write the path out, "
            "or put ./ before it if that is a file's name"
        ) from None


def below(path: str, folder: str) -> bool:
    """Whether a path is this folder or lies in it; both as they are written."""
    return path == folder or path.startswith(folder if folder.endswith("/") else f"{folder}/")


def write_whole(path: Path, text: str) -> None:
    """Replace a file atomically; makes its folder and keeps its mode. Raises UnreadableSource."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text, path.stat().st_mode & 0o7777 if path.exists() else None)
    except OSError as error:
        raise UnreadableSource(
            f"{path}: cannot be written ({error.strerror}); check the folder's permissions"
        ) from None


def replace_file(path: Path, text: str, mode: int | None = None) -> None:
    """Replace a file atomically, so that nobody reads half of it. Raises OSError."""
    # A unique name, because several threads and processes may write the same file.
    fresh = path.with_name(f".{path.name}-{os.urandom(8).hex()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if mode is not None:
                # Set explicitly, because the process's umask restricts it.
                os.fchmod(descriptor, mode)
            file.write(text)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def copy_beside(path: Path) -> Path:
    """Copy a file to the first free name next to it, readable by its owner only. Raises UnreadableSource."""
    number = 1
    while True:
        copy = path.with_name(f"{path.name}.before-instructor-{number}")
        try:
            descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(path.read_bytes())
            # The copy may be put back in place of the file.
            copy.chmod(path.stat().st_mode & 0o7777)
            return copy
        except FileExistsError:
            number += 1
        except OSError as error:
            raise UnreadableSource(
                f"{path} cannot be copied before changing it ({error.strerror}); nothing was changed"
            ) from None
