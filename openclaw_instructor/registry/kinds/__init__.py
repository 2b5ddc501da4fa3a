"""List the kinds of tasks.

A kind of this package is a module here that declares `KIND`. A package from outside declares the entry point group
`openclaw_instructor.kinds`, or calls `register`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache

from openclaw_instructor.registry.kinds.kind import ExtensionError, Kind, Option
from openclaw_instructor.registry.task import Task

__all__ = ["ExtensionError", "Kind", "Option", "find", "kind_of", "kinds", "register"]

ENTRY_POINTS = "openclaw_instructor.kinds"

_registered: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Add a kind, or replace the one of its name, for this process."""
    _registered[kind.name] = kind


def kinds() -> dict[str, Kind]:
    """Return every kind by name; a registered one comes before one that an installed package declares."""
    return _packaged() | _installed() | _registered


def find(name: str) -> Kind | None:
    """Return the kind of that name, if there is one.

    Installed packages are searched only for a name that this package does not have: the search takes longer than the
    rest of a start.
    """
    return _registered.get(name) or _packaged().get(name) or _installed().get(name)


def kind_of(task: Task) -> Kind:
    """Return the kind of a task. Raises LookupError for one that is not in the table."""
    found = find(task.kind)
    if found is None:
        raise LookupError(f"kind {task.kind!r} is not registered")
    return found


@cache
def _packaged() -> dict[str, Kind]:
    return {kind.name: kind for kind in _modules()}


def _modules() -> Iterator[Kind]:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        kind = getattr(importlib.import_module(module.name), "KIND", None)
        if kind is not None:
            yield kind


@cache
def _installed() -> dict[str, Kind]:
    from importlib.metadata import entry_points

    found = [entry_point.load() for entry_point in entry_points(group=ENTRY_POINTS)]
    return {kind.name: kind for kind in found}
