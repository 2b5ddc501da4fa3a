"""Find vector engines by name: the local one, and those of other packages.

A package from outside declares the entry point group `openclaw_instructor.vector_engines`, or calls `register`; the
setting `vector_engine` names the one that is used.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.index.vectors.local import LocalVectorEngine
from openclaw_instructor.index.vectors.protocol import VectorEngine

ENTRY_POINTS = "openclaw_instructor.vector_engines"

# Makes an engine that may keep files in the folder it is given.
Factory: TypeAlias = Callable[[Path], VectorEngine]

_registered: dict[str, Factory] = {
    "local": LocalVectorEngine,
    "exact": lambda folder: LocalVectorEngine(folder, exact_vectors=None),
}


def register(name: str, factory: Factory) -> None:
    """Make an engine available under a name for this process."""
    _registered[name] = factory


def engine(name: str, folder: Path) -> VectorEngine:
    """Make the engine of this name, which may keep files in `folder`. Raises InvalidSettings for an unknown name."""
    if name in _registered:
        return _registered[name](folder)
    installed = importlib.metadata.entry_points(group=ENTRY_POINTS)
    for entry_point in installed.select(name=name):
        factory: Factory = entry_point.load()
        return factory(folder)
    known = ", ".join(sorted({*_registered, *installed.names}))
    raise InvalidSettings(f"setting `vector_engine`: there is no engine {name!r}; use one of {known}")
