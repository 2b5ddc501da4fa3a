"""Find the files to index below folders, by ignore rules, size limits and links, and read them safely.

Left out: hidden names, `.gitignore`d ones (a `.gitignore` counts from its own folder down), folders of installed or
compiled code, what `exclude` matches, symbolic links (their target is indexed at its own place; one that leaves the
folder is reported), files over the size limit of their format (reported). Taken are the formats of `documents/` and
what `include` matches; behind a first `!*`, only what it matches. All patterns are gitignore's.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.reading import max_bytes, over_limit, readable
from openclaw_instructor.errors import UnreadableSource
from openclaw_instructor.index.gitignore import Pattern, Patterns, lines, patterns
from openclaw_instructor.text import clean

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Root

ONLY = "!*"
_NOT_UTF8 = "its name is not valid UTF-8; rename it"
DEFAULT_IGNORES = ("node_modules/", "__pycache__/", "site-packages/", "venv/", "*.egg-info/")


@dataclass(frozen=True)
class Found:
    """A file to index. `place` is its path from the root's own name on: what people see and path filters match."""

    path: str
    place: str
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass
class Listing:
    """What a walk found. `skipped` holds (path, reason); under `unread` folders nothing is known to be gone."""

    files: dict[str, Found] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    other_types: Counter[str] = field(default_factory=Counter)


class Skipped(Exception):
    """A file is left out, for a reason; `gone` when it is no longer there."""

    def __init__(self, reason: str, gone: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.gone = gone


def check_root(path: Path) -> None:
    """Check that a path is a readable folder or file. Raises UnreadableSource."""
    if (shown := clean(str(path))) != str(path):
        raise UnreadableSource(f"{shown}: {_NOT_UTF8}")
    try:
        if path.is_dir():
            with os.scandir(path) as entries:
                next(entries, None)
        elif stat.S_ISREG(path.stat().st_mode):
            path.open("rb").close()
        else:
            raise UnreadableSource(f"{path} is neither a folder nor a regular file; name one that is")
    except OSError as error:
        raise UnreadableSource(
            f"{path} cannot be read ({error.strerror}); check the path and its permissions"
        ) from None


def walk(roots: Sequence[Root]) -> Listing:
    """List the files of all roots, each once. Raises UnreadableSource when a root itself cannot be read."""
    listing = Listing()
    for root in roots:
        check_root(root.path)
        _Walk(root, listing).run()
    return listing


class _Walk:
    def __init__(self, root: Root, listing: Listing) -> None:
        self.root = root
        self.listing = listing
        # Not left to the pattern itself: there it would beat one of a folder that stands behind it.
        self.only = root.include[:1] == (ONLY,)
        self.include = patterns(root.include[self.only :], "include")
        self.exclude = patterns(root.exclude, "exclude")

    def run(self) -> None:
        if self.root.path.is_dir():
            self._folder(self.root.path, "", [("", patterns(DEFAULT_IGNORES, "default ignores"))])
            return
        try:
            self._take(str(self.root.path), self.root.path.name, self.root.path.stat())
        except OSError as error:
            self._skip(str(self.root.path), error.strerror or str(error))

    def _folder(self, folder: Path, relative: str, ignores: list[tuple[str, Patterns]]) -> None:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            ignores = [*ignores, *_gitignore(folder, relative)]
        except OSError as error:
            self._unread(str(folder), error)
            return
        for entry in entries:
            try:
                self._entry(entry, relative + entry.name, ignores)
            except OSError as error:
                self._unread(entry.path, error)

    def _entry(self, entry: os.DirEntry[str], relative: str, ignores: list[tuple[str, Patterns]]) -> None:
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name.startswith(".") or self.exclude.verdict(relative, is_folder):
            return
        if _ignored(relative, is_folder, ignores):
            return
        if clean(entry.name) != entry.name:
            self._skip(clean(entry.path), _NOT_UTF8)
        elif entry.is_symlink():
            target = Path(entry.path).resolve()
            if not target.is_relative_to(self.root.path):
                self._skip(entry.path, f"a symbolic link that leaves the folder (to {target})")
        elif is_folder:
            self._folder(Path(entry.path), relative + "/", ignores)
        elif entry.is_file(follow_symlinks=False):
            verdict = self.include.covers(relative)
            if verdict or (verdict is None and not self.only and readable(PurePath(entry.path))):
                self._take(entry.path, f"{self.root.path.name}/{relative}", entry.stat(follow_symlinks=False))
            else:
                self.listing.other_types[Path(entry.name).suffix.lower() or entry.name] += 1

    def _take(self, path: str, place: str, status: os.stat_result) -> None:
        limit = max_bytes(PurePath(path))
        if status.st_size > limit:
            self._skip(path, over_limit(status.st_size, limit))
        else:
            # The store keeps numbers of 64 bits, which end in 2262.
            modified, changed = min(status.st_mtime_ns, 2**63 - 1), min(status.st_ctime_ns, 2**63 - 1)
            self.listing.files.setdefault(path, Found(path, place, status.st_size, modified, changed))

    def _skip(self, path: str, reason: str) -> None:
        self.listing.skipped.append((path, reason))

    def _unread(self, path: str, error: OSError) -> None:
        self.listing.unread.append(path)
        self._skip(path, f"cannot be read ({error.strerror})")


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


def _gitignore(folder: Path, relative: str) -> Iterator[tuple[str, Patterns]]:
    path = folder / ".gitignore"
    # git follows no link there.
    if path.is_file() and not path.is_symlink():
        yield _as_bytes(relative), Patterns(filter(None, map(Pattern.parse, lines(path.read_bytes()))))


def _ignored(relative: str, is_folder: bool, ignores: list[tuple[str, Patterns]]) -> bool:
    """Whether git would ignore this path; the patterns compare bytes."""
    name = _as_bytes(relative)
    for base, spec in reversed(ignores):
        verdict = spec.verdict(name[len(base) :], is_folder)
        if verdict is not None:
            return verdict
    return False


def _as_bytes(path: str) -> str:
    """Decode the bytes of a path to one character each."""
    return path if path.isascii() else os.fsencode(path).decode("latin-1")
