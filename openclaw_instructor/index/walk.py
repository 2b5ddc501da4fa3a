"""Folders -> files to index: ignore rules, secrets, limits and links.

Left out: hidden names, what git ignores (a `.gitignore` counts from its own folder down), folders of installed or
compiled code, what `exclude` matches, and, each reported, files that may hold secrets, symbolic links whose target is
not indexed at its own place, files over the size limit of their format. Taken are the formats of `documents/` and what
`include` matches; behind a first `!*`, only what it matches. All patterns are gitignore's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.reading import max_bytes, over_limit, readable
from openclaw_instructor.engine import precedence
from openclaw_instructor.errors import UnreadableSource
from openclaw_instructor.index import repository, secrets
from openclaw_instructor.index.gitignore import patterns
from openclaw_instructor.index.listing import Found, Listing, RootState
from openclaw_instructor.index.root_patterns import RootPatterns
from openclaw_instructor.index.roots import NOT_UTF8, check_root
from openclaw_instructor.text import clean

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Root
    from openclaw_instructor.index.repository import Layer

_CODE = patterns(["node_modules/", "__pycache__/", "site-packages/", "venv/", "*.egg-info/"], "default ignores")
_EMPTY_ALL_THE_SAME = frozenset({"lost+found"})


def walk(roots: Sequence[Root], own: Path | None = None, only: Collection[str] | None = None) -> Listing:
    """List the files of all roots, each once. A root that cannot be read is `lost`. `own` is a folder to leave out.

    With `only`, nothing but these files is looked at, in folders that were listed before.
    """
    listing = Listing()
    # A file reached from several roots, by links or because one contains another, is listed once.
    seen: dict[str, str] | None = {} if len(roots) > 1 else None
    for root in roots:
        try:
            check_root(root.path)
            listing.roots[str(root.path)] = _Walk(root, listing, seen, own, only).run()
        except UnreadableSource as error:
            listing.lost[str(root.path)] = error.message
    return listing


@dataclass(frozen=True)
class _Folder:
    """A folder to be listed; `relative` ends with a slash, and is empty for the root."""

    path: str
    relative: str
    layers: tuple[Layer, ...]
    device: int
    hidden: bool = False


class _Part:
    """Some files below a root: folder -> names of files, and folder -> names of folders on the way to them."""

    def __init__(self, base: str, paths: Iterable[str]) -> None:
        self.itself = base in paths
        self.files: dict[str, set[str]] = {}
        self.below: dict[str, list[str]] = {}
        for path in paths:
            if not path.startswith(f"{base}/"):
                continue
            folder, _, name = path.rpartition("/")
            self.files.setdefault(folder, set()).add(name)
            while folder != base:
                above, _, name = folder.rpartition("/")
                names = self.below.setdefault(above, [])
                if name in names:
                    break
                names.append(name)
                folder = above


class _Walk:
    def __init__(
        self,
        root: Root,
        listing: Listing,
        seen: dict[str, str] | None,
        own: Path | None,
        only: Collection[str] | None,
    ) -> None:
        self.root = root
        self.listing = listing
        self.base = str(root.path)
        # A root may be a link, whose target may change: files keep their path below the link.
        self.real = os.path.realpath(self.base)
        self._own = _identity(own) if own else None
        self._empty = False
        self._seen = seen
        self._mounts: list[str] = []
        self._links: list[tuple[str, str]] = []
        self._waiting: list[_Folder] = []
        self._part = None if only is None else _Part(self.base, only)
        self._patterns = RootPatterns(root)

    def run(self) -> RootState:
        status = self.root.path.stat()
        if not stat.S_ISDIR(status.st_mode):
            if self._part is None or self._part.itself:
                self._take(self.base, self.root.path.name, status)
            return RootState(status.st_dev, status.st_ino, False, ())
        try:
            layers = repository.layers_above(Path(self.real))
        except repository.Unusable as unusable:
            raise UnreadableSource(unusable.reason) from None
        except OSError as error:
            where = error.filename or self.base
            raise UnreadableSource(f"{where} cannot be read ({error.strerror}); check its permissions") from None
        self._waiting.append(_Folder(self.base, "", (repository.Layer(_CODE), *layers), status.st_dev))
        while self._waiting:
            self._list(self._waiting.pop())
        if self._part is None:
            self._report_links()
        return RootState(status.st_dev, status.st_ino, self._empty, tuple(self._mounts))

    def _list(self, folder: _Folder) -> None:
        try:
            entries, names = self._entries(folder.path)
            layers = self._with_rules_of(folder, names)
        except OSError as error:
            self._unread(folder.path, error)
            return
        except repository.Unusable as unusable:
            self.listing.unread.append(folder.path)
            self._skip(folder.path, unusable.reason)
            return
        if not folder.relative:
            listed = self._part is None or folder.path in self._part.files
            self._empty = listed and all(name.startswith(".") or name in _EMPTY_ALL_THE_SAME for name in names)
        elif (why := secrets.folder(names)) is not None:
            self._leave_out(folder.path, folder.relative[:-1], True, why, reported=True)
            self.listing.unsure = True
            return
        self.listing.folders.append(folder.path)
        below: list[_Folder] = []
        for entry in entries:
            precedence.give_way()
            try:
                inner = self._entry(entry, folder, layers)
            except OSError as error:
                self._unread(entry.path, error)
            else:
                if inner is not None:
                    below.append(inner)
        if self._part is not None:
            below = [self._way(folder, name, layers) for name in self._part.below.get(folder.path, ())]
        self._waiting += reversed(below)

    def _entries(self, folder: str) -> tuple[list[os.DirEntry[str]], set[str]]:
        """List a folder, and the names in it; of a part, the files of the part, and names only where there are some."""
        wanted = None if self._part is None else self._part.files.get(folder)
        if self._part is not None and wanted is None:
            return [], {name for name in (".git", ".gitignore") if os.path.lexists(f"{folder}/{name}")}
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
        names = {entry.name for entry in entries}
        return (entries if wanted is None else [entry for entry in entries if entry.name in wanted]), names

    def _way(self, folder: _Folder, name: str, layers: tuple[Layer, ...]) -> _Folder:
        """Go on to a folder on the way to a part; it was listed before, so nothing leaves it out."""
        hidden = folder.hidden or name.startswith(".")
        return _Folder(f"{folder.path}/{name}", f"{folder.relative}{name}/", layers, folder.device, hidden)

    def _with_rules_of(self, folder: _Folder, names: set[str]) -> tuple[Layer, ...]:
        """Add the rules of a folder to those above it."""
        layers = folder.layers
        cut = len(repository.as_bytes(folder.relative))
        if ".git" in names and folder.relative:
            excludes = repository.excludes(Path(folder.path))
            layers = (*layers, *(repository.Layer(layer.patterns, cut) for layer in excludes))
        if ".gitignore" in names:
            path = Path(folder.path, ".gitignore")
            if path.is_symlink():
                self._skip(str(path), "a symbolic link, which git does not follow: its rules do not count")
            elif path.is_file():
                layers = (*layers, repository.Layer(repository.read(path), cut))
        return layers

    def _entry(self, entry: os.DirEntry[str], folder: _Folder, layers: tuple[Layer, ...]) -> _Folder | None:
        """Record a file, or return a folder to be listed."""
        relative = folder.relative + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if clean(entry.name) != entry.name:
            self._skip(clean(entry.path), NOT_UTF8)
            return None
        if self._left_out(entry, relative, is_folder, layers):
            return None
        if entry.is_symlink():
            self._links.append((entry.path, os.path.realpath(entry.path)))
            return None
        hidden = folder.hidden or entry.name.startswith(".")
        if is_folder:
            return self._below(entry, relative, layers, folder.device, hidden)
        if entry.is_file(follow_symlinks=False):
            if self._patterns.take(relative, hidden):
                place = f"{self.root.path.name}/{relative}"
                self._take(entry.path, place, entry.stat(follow_symlinks=False), relative)
            elif not hidden:
                self.listing.other_types[Path(entry.name).suffix.lower() or entry.name] += 1
        return None

    def _below(
        self, entry: os.DirEntry[str], relative: str, layers: tuple[Layer, ...], device: int, hidden: bool
    ) -> _Folder | None:
        status = entry.stat(follow_symlinks=False)
        if status.st_dev != device:
            self._mounts.append(entry.path)
        if (status.st_dev, status.st_ino) == self._own:
            self._skip(entry.path, "this program's own folder")
            return None
        return _Folder(entry.path, f"{relative}/", layers, status.st_dev, hidden)

    def _left_out(self, entry: os.DirEntry[str], relative: str, is_folder: bool, layers: tuple[Layer, ...]) -> bool:
        """Whether an entry is left out; reported if somebody may look for it."""
        if self._patterns.excluded(relative, is_folder):
            return True
        secret = secrets.named(relative, is_folder)
        if secret and (is_folder or not self._patterns.name_file(relative)):
            self._leave_out(entry.path, relative, is_folder, secret, reported=True)
            return True
        if entry.name.startswith(".") and not self._patterns.name_hidden(entry.name, is_folder):
            reason = "hidden"
        elif repository.ignored(relative, is_folder, layers):
            reason = "installed or compiled code" if _CODE.verdict(entry.name, is_folder) else "ignored by git"
        else:
            return False
        if entry.name not in (".git", ".gitignore"):
            self._leave_out(entry.path, relative, is_folder, reason, reported=False)
        return True

    def _leave_out(self, path: str, relative: str, is_folder: bool, why: str, *, reported: bool) -> None:
        if reported:
            self._skip(path, f"{why}; it is indexed only if --include names this very file" if not is_folder else why)
        elif self._patterns.include(relative, is_folder):
            self.listing.named_but_left_out.append((path, why))

    def _take(self, path: str, place: str, status: os.stat_result, relative: str = "") -> None:
        if self._seen is not None:
            real = f"{self.real}/{relative}" if relative else self.real
            if self._seen.setdefault(real, path) != path:
                return
        limit = max_bytes(PurePath(path))
        if status.st_size > limit:
            self._skip(path, over_limit(status.st_size, limit))
        else:
            # The store keeps 64-bit integers, which end in the year 2262.
            modified, changed = min(status.st_mtime_ns, 2**63 - 1), min(status.st_ctime_ns, 2**63 - 1)
            self.listing.files.setdefault(path, Found(path, place, status.st_size, modified, changed))

    def _report_links(self) -> None:
        """Report the links whose target is not indexed at its own place."""
        folders = set(self.listing.folders)
        for path, target in self._links:
            try:
                Path(path).stat()
            except OSError as error:
                self._skip(path, f"a symbolic link that leads nowhere ({error.strerror})")
                continue
            if not PurePath(target).is_relative_to(self.real):
                self._skip(path, f"a symbolic link that leaves the folder (to {target})")
                continue
            inside = self.base + target[len(self.real) :]
            relative = path[len(self.base) + 1 :]
            wanted = Path(target).is_dir() or readable(PurePath(path)) or self._patterns.include(relative, False)
            if wanted and inside not in self.listing.files and inside not in folders:
                self._skip(path, f"a symbolic link to {target}, which is not indexed at its own place")

    def _skip(self, path: str, reason: str) -> None:
        self.listing.skipped.append((path, reason))

    def _unread(self, path: str, error: OSError) -> None:
        self.listing.unread.append(path)
        self._skip(path, f"cannot be read ({error.strerror})")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
