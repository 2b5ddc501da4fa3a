"""Choose the reader of a file from the table of formats.

A format is a module in `readers/` that declares `FORMATS`. A package from outside declares the entry point group
`openclaw_instructor.formats`, or calls `register`.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.metadata
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import TypeAlias

from openclaw_instructor.documents import readers
from openclaw_instructor.documents.document import Document

Reader: TypeAlias = Callable[[bytes, PurePath], Document]

ENTRY_POINTS = "openclaw_instructor.formats"
_MAX_BYTES = 10_000_000


@dataclass(frozen=True)
class Format:
    """A kind of file and its reader.

    `read(data, path)` returns a Document, or raises UnreadableDocument with the reason why there is none; `path` is for
    its name only and is never opened. Files are chosen by `suffixes` (lower case, with the dot), by bare `names` (upper
    case), or, where a suffix says too little, by `patterns` of whole names as the shell has them (upper case), or by
    what `claims` makes of the whole path. `version` belongs to what is stored of a file: a higher one reads all files
    of the format anew. Files over `max_bytes` are skipped and reported. An `isolated` reader runs in a child process
    with a deadline and a limit on memory: right for every parser of a binary format.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Reader
    version: int = 1
    names: tuple[str, ...] = ()
    max_bytes: int = _MAX_BYTES
    isolated: bool = False
    patterns: tuple[str, ...] = ()
    claims: Callable[[PurePath], bool] | None = None

    @property
    def reader(self) -> str:
        """The name and version of this format's reader, stored with what it read."""
        return f"{self.name.replace(' ', '-')}/{self.version}"

    def __post_init__(self) -> None:
        if self.isolated and "<" in getattr(self.read, "__qualname__", "<"):
            raise ValueError(f"{self.name}: an isolated reader must be a function of a module, found by its name")


_registered: list[Format] = []


def register(added: Format) -> None:
    """Add a format, or replace those that claim the same suffixes and names, for this process."""
    _registered.append(added)
    _table.cache_clear()
    _patterns.cache_clear()
    reader_names.cache_clear()


def formats() -> list[Format]:
    """Return all formats by name."""
    return sorted({id(known): known for known in _table().values()}.values(), key=lambda known: known.name)


def format_of(path: PurePath) -> Format | None:
    """Find the format of a file by its name; None for a file that is read only on request.

    A pattern takes precedence over the suffix of another format.
    """
    table, name, suffix = _table(), path.name.upper(), path.suffix.lower()
    known = next((known for patterns, known in _patterns() if patterns.match(name)), None)
    known = known or (table.get(suffix) if suffix else table.get(name))
    return known or next((known for known in table.values() if known.claims and known.claims(path)), None)


@cache
def reader_names() -> frozenset[str]:
    """List the readers of all formats, with their versions."""
    return frozenset(known.reader for known in formats())


@cache
def _table() -> dict[str, Format]:
    return {key: known for known in _declared() for key in (*known.suffixes, *known.names, *known.patterns)}


@cache
def _patterns() -> list[tuple[re.Pattern[str], Format]]:
    """Compile all patterns of each format to one expression."""
    found: dict[int, tuple[Format, list[str]]] = {}
    for pattern, known in _table().items():
        if pattern in known.patterns:
            found.setdefault(id(known), (known, []))[1].append(fnmatch.translate(pattern))
    return [(re.compile("|".join(translated)), known) for known, translated in found.values()]


def _declared() -> Iterator[Format]:
    """List the built-in formats, those of other packages and those registered by a call; later ones win."""
    for module in pkgutil.iter_modules(readers.__path__, f"{readers.__name__}."):
        yield from getattr(importlib.import_module(module.name), "FORMATS", ())
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        yield entry_point.load()
    yield from _registered
