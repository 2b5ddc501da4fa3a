"""The names of the collections, read without opening the index: for schemas and checks, which must stay quick."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from openclaw_instructor.settings import Settings

if TYPE_CHECKING:
    from openclaw_instructor.registry import Task


def collection_names(settings: Settings) -> list[str]:
    """List the collections by name; none where there is no index that can be read."""
    return _names(settings) or []


def without_collection(tasks: Iterable[Task], settings: Settings) -> list[tuple[str, str]]:
    """List the tasks that search a collection which does not exist, as (task, collection); none if that is unknown."""
    names = _names(settings)
    if names is None:
        return []
    known = {"*", *names}
    return [(task.name, task.searches) for task in tasks if task.searches and task.searches not in known]


def _names(settings: Settings) -> list[str] | None:
    """Read the names; None for an index that cannot be read now."""
    if not settings.index_path.is_file():
        return []
    # Where nothing can be written, SQLite reads a file with a log only if it is told that nobody writes to it.
    for access in ("mode=ro", "mode=ro&immutable=1"):
        uri = f"{settings.index_path.as_uri()}?{access}"
        with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True, timeout=1)) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM collections ORDER BY name")]
    return None
