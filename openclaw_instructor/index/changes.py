"""What differs between the files of a collection and what is stored of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents import reading
from openclaw_instructor.engine import precedence
from openclaw_instructor.paths import below

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openclaw_instructor.index.chunk_store import Known
    from openclaw_instructor.index.listing import Found, Listing


@dataclass
class Changes:
    """What a sync has to do: `pending` is to be read, `gone` to be forgotten.

    `unreadable` (path, reason) is as it was when it could not be read. `known` is everything that is stored, by path.
    """

    known: Mapping[str, Known]
    pending: list[Found] = field(default_factory=list)
    gone: list[Known] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    unchanged: int = 0

    def __len__(self) -> int:
        return len(self.pending) + len(self.gone)


def between(known: Mapping[str, Known], listing: Listing, absent: Iterable[str], *, full: bool = False) -> Changes:
    """Compare files with the index by times, sizes and readers; with `full`, every file is read.

    Nothing changes below a folder that is `absent`, and below one that could not be read nothing is taken for gone.
    """
    changes = Changes(known)
    elsewhere = list(absent)
    for path, found in listing.files.items():
        precedence.give_way()
        before = known.get(path)
        if elsewhere and any(below(path, folder) for folder in elsewhere):
            continue
        if before is None or full or not unchanged(found, before):
            changes.pending.append(found)
        elif before.reason:
            changes.unreadable.append((path, before.reason))
        else:
            changes.unchanged += 1
    unknown = [*listing.unread, *elsewhere]
    for path, before in known.items():
        if path not in listing.files and not any(below(path, folder) for folder in unknown):
            changes.gone.append(before)
    return changes


def unchanged(found: Found, before: Known) -> bool:
    """Whether a file is as it was when it was read, and by the same reader."""
    times = (before.size, before.mtime_ns, before.ctime_ns) == (found.size, found.mtime_ns, found.ctime_ns)
    return times and reading.current(before.reader, PurePath(found.path))
