"""Why a file that lies in a collection's folders is not indexed: which rule of the walk leaves it out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.index import secrets, walk
from openclaw_instructor.index.path_filter import CITED
from openclaw_instructor.index.root_patterns import ONLY, RootPatterns
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Root

# Names that are looked through for a file that is given by the end of its path.
_MOST_ENTRIES = 100_000
_SPECIAL = re.compile(r"([*?\[\]\\!# ])")


def reason(roots: Sequence[Root], expect: str) -> tuple[str, str] | None:
    """Return the file that `expect` names, whole or by its end, and what leaves it out; None where there is none."""
    for root in roots:
        found = next(_places(root.path, CITED.sub("", expect)), None)
        if found is not None:
            return str(found), _rule(root, found)
    return None


def _places(root: Path, expect: str) -> Iterator[Path]:
    """Yield the files that are meant, below a root or the root itself."""
    whole = expanded(expect)
    if whole.is_absolute():
        if whole.is_relative_to(root) and whole.is_file():
            yield whole
        return
    left = _MOST_ENTRIES
    for folder, _, names in os.walk(root):
        left -= len(names)
        if left < 0:
            return
        yield from (Path(folder, name) for name in names if f"{folder}/{name}".endswith(f"/{expect}"))


def _rule(root: Root, path: Path) -> str:
    if path == root.path:
        return "it is a root of its own that no sync has read; run `openclaw-instructor index sync`"
    relative = path.relative_to(root.path).as_posix()
    # Asked for by name, whatever leaves it out is reported, and a type that nothing else takes is taken.
    asked = replace(root, include=(*root.include, "/" + _SPECIAL.sub(r"\\\1", relative)))
    listing = walk.walk([asked])
    for place, why in [*listing.named_but_left_out, *listing.skipped]:
        if place == str(path):
            return f"it is left out: {why}"
        if path.is_relative_to(place):
            return f"its folder {place} is left out: {why}"
    excluded = RootPatterns(root).excluded
    above = [parent.as_posix() for parent in Path(relative).parents if parent != Path()]
    if excluded(relative, False) or any(excluded(folder, True) for folder in above):
        return f"a pattern of `--exclude` leaves it out: {', '.join(root.exclude)}"
    if root.include[:1] == (ONLY,):
        return f"only what `--include` matches is taken: {', '.join(root.include)}"
    if (secret := secrets.named(relative, False)) is not None:
        return f"it is left out: {secret}; it is indexed only if `--include` names this very file"
    if any(part.startswith(".") for part in relative.split("/")):
        return "it is left out: hidden, by a name that begins with a dot"
    if str(path) in listing.files:
        kind = path.suffix or path.name
        return f"files of the type {kind} are not read; `index add` with `--include '*{kind}'` takes them as text"
    return "it is no regular file, or lies behind a link"
