"""Find the vector engine of the settings: the local one, that of a Milvus, or one of another package.

A package from outside declares the entry point group `openclaw_instructor.vector_engines`, or calls `register`; the
setting `vector_engine` names the one that is used. The setting `store` names a Milvus.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.index.vectors.local import LocalVectorEngine
from openclaw_instructor.index.vectors.protocol import VectorEngine
from openclaw_instructor.settings import LOCAL, Settings

ENTRY_POINTS = "openclaw_instructor.vector_engines"

# Makes an engine that may keep files in the folder it is given.
Factory: TypeAlias = Callable[[Path], VectorEngine]

_registered: dict[str, Factory] = {
    LOCAL: LocalVectorEngine,
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


def of(settings: Settings) -> VectorEngine:
    """Make the engine that the settings ask for. Raises InvalidSettings."""
    if settings.store == LOCAL:
        return engine(settings.vector_engine, settings.vectors_dir)
    if settings.vector_engine != LOCAL:
        raise InvalidSettings(
            f"setting `vector_engine`: {settings.vector_engine!r} searches here, and `store` names another place; keep "
            "one of them"
        )
    from openclaw_instructor.index.vectors.milvus.address import Address
    from openclaw_instructor.index.vectors.milvus.engine import MilvusVectorEngine

    return MilvusVectorEngine(settings.home, settings.vectors_dir, Address.of(settings))
