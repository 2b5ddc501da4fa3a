"""What the include and exclude patterns of a root ask for. All are gitignore's, relative to the root."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.reading import readable
from openclaw_instructor.index.gitignore import patterns

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Root

ONLY = "!*"


class RootPatterns:
    """The patterns of a root. Paths are relative to it, with slashes."""

    def __init__(self, root: Root) -> None:
        # `!*` is handled apart, because as a pattern it would override a later pattern of a folder.
        self._only = root.include[:1] == (ONLY,)
        include = root.include[self._only :]
        self._include = patterns(include, "include")
        self._exclude = patterns(root.exclude, "exclude")
        wanted = [pattern for pattern in include if not pattern.startswith("!")]
        self._literal = patterns([pattern for pattern in wanted if not set(pattern) & set("*?[\\")], "include")
        self._beginnings = [_beginning(pattern) for pattern in wanted]
        dotted = [part for pattern in wanted for part in pattern.split("/") if part.startswith(".") and part.strip(".")]
        self._dotted = patterns(dotted, "include")

    def excluded(self, relative: str, is_folder: bool) -> bool:
        """Whether `exclude` leaves an entry out."""
        return bool(self._exclude.verdict(relative, is_folder))

    def take(self, relative: str, hidden: bool) -> bool:
        """Whether to take a file that nothing leaves out; `hidden`: it or a folder above it has a hidden name."""
        verdict = self._include.covers(relative)
        return bool(verdict) or (verdict is None and not self._only and not hidden and readable(PurePath(relative)))

    def name_file(self, relative: str) -> bool:
        """Whether a pattern without wildcards names this very file."""
        return bool(self._literal.verdict(relative, False))

    def name_hidden(self, name: str, is_folder: bool) -> bool:
        """Whether a part of a pattern names this hidden entry."""
        return bool(self._dotted.verdict(name, is_folder))

    def include(self, relative: str, is_folder: bool) -> bool:
        """Whether an include pattern matches an entry, or may match something in it."""
        if not self._beginnings:
            return False
        if not is_folder:
            return bool(self._include.covers(relative))
        inside = any(f"{begin}/".startswith(f"{relative}/") for begin in self._beginnings)
        return inside or bool(self._include.verdict(relative, True))


def _beginning(pattern: str) -> str:
    """Cut a pattern to the folders that it names before its first wildcard."""
    parts = pattern.lstrip("/").rstrip("/").split("/")
    plain = next((number for number, part in enumerate(parts) if set(part) & set("*?[\\")), len(parts))
    return "/".join(parts[:plain]) if plain and (len(parts) > 1 or pattern.endswith("/")) else "\0"
