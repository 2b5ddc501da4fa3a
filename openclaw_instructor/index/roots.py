"""What may be a root of a collection, and whether one is still what was indexed.

A disk that is not mounted must not empty the index. A folder that is gone, empty, or another one than before says
nothing about the documents that were in it, and neither does a mount point below it that is none any more. What was
indexed of it stays, and the sync says so.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.errors import InvalidArguments, UnreadableSource
from openclaw_instructor.index import gitignore, secrets
from openclaw_instructor.index.collections import Root, checked_name
from openclaw_instructor.index.listing import RootState
from openclaw_instructor.paths import below, expanded
from openclaw_instructor.text import clean

if TYPE_CHECKING:
    from openclaw_instructor.index.listing import Listing

NOT_UTF8 = "its name is not valid UTF-8; rename it"


def chosen(name: str, folders: Sequence[Path], include: Sequence[str], exclude: Sequence[str]) -> list[Root]:
    """Make the roots of a collection. Raises InvalidArguments and UnreadableSource for what cannot be one."""
    checked_name(name)
    gitignore.patterns(include, "include")
    gitignore.patterns(exclude, "exclude")
    if not folders:
        raise InvalidArguments(f"collection `{name}`: name at least one folder to index")
    roots = [Root(place(folder), tuple(include), tuple(exclude)) for folder in folders]
    for root in roots:
        check_root(root.path)
        if (part := secrets.above(root.path) or secrets.above(root.path.resolve())) is not None:
            raise InvalidArguments(f"{root.path} lies in `{part}`, a folder for secrets, and is not indexed")
    return roots


def check_root(path: Path) -> None:
    """Check that a path is a readable folder or file. Raises UnreadableSource."""
    if (shown := clean(str(path))) != str(path):
        raise UnreadableSource(f"{shown}: {NOT_UTF8}")
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


def place(folder: Path) -> Path:
    """Return the folder as it was named, so that a link leads to where it points at each sync."""
    path = expanded(folder).absolute()
    return path.resolve() if ".." in path.parts else path


def absent(roots: Iterable[Root], listing: Listing, known: Iterable[str], name: str) -> dict[str, str]:
    """Find the folders whose known documents stay although they were not found -> why, and the way out."""
    paths = list(known)
    found = {}
    for root in roots:
        folder = str(root.path)
        drop = f"`openclaw-instructor index remove {name} {folder}` forgets it"
        if (problem := listing.lost.get(folder)) is not None:
            found[folder] = f"{problem}; is it mounted? What was indexed of it stays, {drop}"
            continue
        before, now = _parsed(root.state), listing.roots[folder]
        documents = [path for path in paths if below(path, folder)] if now.empty or _other(before, now) else []
        missing = sum(path not in listing.files for path in documents)
        if documents and now.empty:
            found[folder] = (
                f"{folder} is empty now; is it mounted? The {len(documents):,} documents that were indexed of it stay, "
                f"{drop}"
            )
        elif 2 * missing > len(documents):
            found[folder] = (
                f"{folder} is another folder than before, and {missing:,} of its {len(documents):,} documents are not "
                f"in it; is the right disk mounted? Nothing was changed; if it is right so, add it again: "
                f"`openclaw-instructor index add {name} {folder}`"
            )
        for mount in before.mounts if before else ():
            if mount not in now.mounts and any(below(path, mount) and path not in listing.files for path in paths):
                found[mount] = (
                    f"{mount} was a mount point and is none now; is it mounted? What was indexed of it stays; if it is "
                    f"right so, add the folder again: `openclaw-instructor index add {name} {folder}`"
                )
    return found


def same(roots: Iterable[Root], listing: Listing) -> bool:
    """Whether the roots are what the last sync saw, and hold something."""
    for root in roots:
        before, now = _parsed(root.state), listing.roots.get(str(root.path))
        if before is None or now is None or now.empty or _other(before, now):
            return False
    return True


def states(roots: Iterable[Root], listing: Listing, absent: dict[str, str]) -> dict[str, str]:
    """Choose what to remember of each root: nothing new of one that is absent."""
    found = {}
    for root in roots:
        folder = str(root.path)
        if folder in listing.roots and not any(below(path, folder) for path in absent):
            state = listing.roots[folder]
            found[folder] = json.dumps([state.device, state.inode, list(state.mounts)])
    return found


def _parsed(state: str) -> RootState | None:
    if not state:
        return None
    device, inode, mounts = json.loads(state)
    return RootState(device, inode, False, tuple(mounts))


def _other(before: RootState | None, now: RootState) -> bool:
    return before is not None and (before.device, before.inode) != (now.device, now.inode)
