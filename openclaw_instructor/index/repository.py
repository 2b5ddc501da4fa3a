"""Read git's ignore rules outside of a folder: those above it, and the excludes of its repository and user."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from openclaw_instructor.index.gitignore import Pattern, Patterns, lines

MAX_BYTES = 1_000_000
MAX_SLOW = 2_000
_PERSONAL = re.compile(r"(?im)^[ \t]*excludesfile[ \t]*=[ \t]*\"?([^\"\n]*)")


class Unusable(Exception):
    """Ignore rules that cannot be applied; `reason` says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.reason = f"{path} {reason}; what it leaves out cannot be told, so nothing beside it is indexed"


@dataclass(frozen=True)
class Layer:
    """The patterns of one file.

    They see a path, each byte as one character, without its first `cut` characters and behind `add`.
    """

    patterns: Patterns
    cut: int = 0
    add: str = ""


def ignored(path: str, is_folder: bool, layers: tuple[Layer, ...]) -> bool:
    """Whether git would ignore a path whose folders are not ignored; later layers take precedence."""
    name = as_bytes(path)
    for layer in reversed(layers):
        verdict = layer.patterns.verdict(layer.add + name[layer.cut :], is_folder)
        if verdict is not None:
            return verdict
    return False


def read(path: Path) -> Patterns:
    """Read an ignore file. Raises Unusable, and OSError."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise Unusable(path, f"has {size / 1e6:,.0f} MB, over the limit of {MAX_BYTES / 1e6:.0f} MB")
    with path.open("rb") as file:
        found = Patterns(filter(None, map(Pattern.parse, lines(file.read(MAX_BYTES)))), MAX_SLOW)
    if found.too_many:
        raise Unusable(path, f"holds more than {MAX_SLOW:,} different patterns with wildcards, or very long ones")
    return found


def layers_above(root: Path) -> tuple[Layer, ...]:
    """Read the rules of the repository that a folder lies in, outermost first. Raises Unusable, and OSError.

    There are none where they ignore the folder itself, which somebody named all the same.
    """
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if top is None or top == root:
        return excludes(root)
    found = [Layer(layer.patterns, add=_inside(top, root)) for layer in excludes(top)]
    for folder in reversed([folder for folder in root.parents if folder.is_relative_to(top)]):
        file = folder / ".gitignore"
        if file.is_file() and not file.is_symlink():
            found.append(Layer(read(file), add=_inside(folder, root)))
    parts = as_bytes(str(root.relative_to(top))).split("/")
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count])
        seen = tuple(Layer(layer.patterns, cut=len(_inside(top, root)) - len(layer.add)) for layer in found)
        if ignored(path, True, tuple(layer for layer in seen if layer.cut < len(path))):
            return ()
    return tuple(found)


def excludes(folder: Path) -> tuple[Layer, ...]:
    """Read the rules that a repository has outside of its files, and those of the user. Raises Unusable, and OSError.

    There are none where the folder is no repository.
    """
    git = folder / ".git"
    if not git.exists():
        return ()
    files = [_personal(), _git_folder(git) / "info" / "exclude"]
    return tuple(Layer(read(file)) for file in files if file.is_file())


def as_bytes(path: str) -> str:
    """Decode the bytes of a path to one character each."""
    return path if path.isascii() else os.fsencode(path).decode("latin-1")


def _inside(folder: Path, root: Path) -> str:
    return as_bytes(f"{root.relative_to(folder)}/")


def _git_folder(git: Path) -> Path:
    """Where the repository's own files are: a work tree beside the first one says it in a file."""
    if git.is_dir():
        return git
    told = git.parent / git.read_text(encoding="utf-8", errors="surrogateescape")[:4_096].partition(":")[2].strip()
    common = told / "commondir"
    return told / common.read_text(encoding="utf-8")[:4_096].strip() if common.is_file() else told


def _personal() -> Path:
    """Find the user's own ignore file: the one that git's configuration names, else the usual one."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git"
    found = base / "ignore"
    for configuration in (base / "config", Path.home() / ".gitconfig"):
        if configuration.is_file() and configuration.stat().st_size <= MAX_BYTES:
            text = configuration.read_text(encoding="utf-8", errors="replace")
            for value in _PERSONAL.findall(text):
                found = Path(os.path.expanduser(value.strip()))  # noqa: PTH111 -- an unknown user is no error here
    return found
