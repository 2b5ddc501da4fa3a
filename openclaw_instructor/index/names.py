"""The names of the collections, read without opening the index: for schemas and checks, which must stay quick."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from openclaw_instructor.settings import Settings

if TYPE_CHECKING:
    from openclaw_instructor.registry import Task


def collection_names(settings: Settings) -> list[str]:
    """List the collections by name; none where there is no index that can be read."""
    if not settings.index_path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{settings.index_path.as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM collections ORDER BY name")]
    except sqlite3.Error:
        return []


def without_collection(tasks: Iterable[Task], settings: Settings) -> list[tuple[str, str]]:
    """List the tasks that search a collection which does not exist, as (task, collection)."""
    known = {"*", *collection_names(settings)}
    return [(task.name, task.searches) for task in tasks if task.searches and task.searches not in known]
