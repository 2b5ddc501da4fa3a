"""What a walk over the folders of a collection found, and what it left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MAX_NAMED = 5


@dataclass(frozen=True)
class Found:
    """A file to index. `place` is its path from the root's own name on: what people see and path filters match."""

    path: str
    place: str
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True)
class RootState:
    """The state of a root when it was walked: its folder, whether it was empty, and mount points below it."""

    device: int
    inode: int
    empty: bool
    mounts: tuple[str, ...]


@dataclass
class Listing:
    """The result of a walk.

    `skipped` holds (path, reason); under `unread` folders nothing is known to be gone. `lost`: root -> why it could not
    be walked. `named_but_left_out`: (path, reason) of what an include pattern names. `folders` were listed.
    `unsure`: of some files only, and more may have changed with them.
    """

    files: dict[str, Found] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    other_types: Counter[str] = field(default_factory=Counter)
    lost: dict[str, str] = field(default_factory=dict)
    roots: dict[str, RootState] = field(default_factory=dict)
    named_but_left_out: list[tuple[str, str]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    unsure: bool = False

    def notes(self) -> list[str]:
        """Describe what was left out and may be missed."""
        found = []
        if self.other_types:
            kinds = ", ".join(kind for kind, _ in self.other_types.most_common(5))
            found.append(
                f"{self.other_types.total()} files of other types were left out ({kinds}); "
                "name them with --include to index them as text"
            )
        if self.named_but_left_out:
            some = ", ".join(f"{path} ({why})" for path, why in self.named_but_left_out[:MAX_NAMED])
            more = len(self.named_but_left_out) - MAX_NAMED
            found.append(f"left out although --include names it: {some}" + (f" and {more} more" if more > 0 else ""))
        return found
