"""Find the files that may hold messages in folders, and tell what is passed over there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from openclaw_instructor.documents.email.mailboxes import begins_mbox, is_maildir_file
from openclaw_instructor.errors import UnreadableSource
from openclaw_instructor.tasks.classifier.tables import SUFFIXES

MBOXES = (".mbox", ".mbx")
TEXTS = (".txt", ".md", ".text")
_KNOWN = (".eml", ".emlx", ".msg", *MBOXES, *SUFFIXES, *TEXTS)


def size_of(paths: Sequence[Path]) -> int:
    """Return how many bytes the files take. Raises UnreadableSource for a path that is not there or not readable."""
    total = 0
    for path in paths:
        check_there(path, "files or folders of mail, CSV or JSONL")
        for file in files(path):
            with suppress(OSError):  # Such as a dangling link, which `items` reports.
                total += file.stat().st_size
    return total


@dataclass(frozen=True)
class PassedOver:
    """What `items` does not read: files by suffix ("" for none), the commonest first, and links to folders."""

    files: dict[str, int]
    links: list[Path]


def passed_over(paths: Sequence[Path]) -> PassedOver:
    """Look for what `items` does not read in folders; a link that leads to what it does read is none."""
    folders = [path for path in paths if path.is_dir()]
    counts, links = Counter[str](), list[Path]()
    for folder in folders:
        found = _walk(folder, on_link=links.append)
        counts.update(file.suffix.lower() for file in found if not _may_hold_messages(file))
    return PassedOver(dict(counts.most_common()), _outside(links, folders))


def links_below(folder: Path) -> list[Path]:
    """Return the links in a folder to others, as `passed_over` does; no file is opened."""
    links: list[Path] = []
    for _ in _walk(folder, on_link=links.append):
        pass
    return _outside(links, [folder])


def _outside(links: Sequence[Path], folders: Sequence[Path]) -> list[Path]:
    roots = [folder.resolve() for folder in folders]
    return [link for link in links if not any(link.resolve().is_relative_to(root) for root in roots)]


def entries(folder: Path) -> list[Path]:
    """Return what a folder holds, in order. Raises UnreadableSource for one that cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error) from None


def _unreadable(path: Path, error: OSError) -> UnreadableSource:
    return UnreadableSource(f"{path}: cannot be read ({error.strerror}); check the path and its permissions")


def check_there(path: Path, wanted: str) -> None:
    """Raise UnreadableSource if nothing is at a path, or if what is there may not be seen."""
    try:
        is_there = path.exists()
    except OSError as error:
        raise _unreadable(path, error) from None
    if not is_there:
        raise UnreadableSource(f"{path}: is not there; give {wanted}")


def files(path: Path, on_closed: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """Yield the file at a path, or those of a folder that may hold messages; `on_closed` as in `os.walk`."""
    yield from (file for file in _walk(path, on_closed) if _may_hold_messages(file)) if path.is_dir() else [path]


def _walk(
    path: Path,
    on_closed: Callable[[OSError], None] | None = None,
    on_link: Callable[[Path], None] = lambda link: None,
) -> Iterator[Path]:
    """Yield the files of a folder and the folders below it.

    `on_closed` is told of folders that cannot be listed, `on_link` of links to folders, which are not followed.
    """
    for folder, folders, names in os.walk(path, onerror=on_closed):
        folders[:] = sorted(name for name in folders if not name.startswith(".") or name in (".Sent", ".Archive"))
        for link in (each for name in folders if (each := Path(folder, name)).is_symlink()):
            on_link(link)
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _may_hold_messages(file: Path) -> bool:
    return (
        file.suffix.lower() in _KNOWN
        or is_maildir_file(file)
        or begins_mbox(file)
        or (not file.suffix and _is_closed(file))
    )


def _is_closed(file: Path) -> bool:
    """Whether a file may not be opened, so that nobody knows what it holds."""
    try:
        return file.is_file() and not os.access(file, os.R_OK)
    except OSError:
        return True
