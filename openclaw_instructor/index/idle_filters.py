"""Say which conditions of a search no document meets: a type that no file has, a field that no document has."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from openclaw_instructor.index import filters
from openclaw_instructor.index.filters import Filter

if TYPE_CHECKING:
    import sqlite3

_NAMED = 8
_INDEXED = "FROM documents WHERE generation_id IN (SELECT value FROM json_each(?)) AND reason = ''"


def notes(connection: sqlite3.Connection, wanted: Filter) -> list[str]:
    """Explain each condition that by itself leaves none of the documents of the filter's generations."""

    def idle(**condition: Any) -> bool:
        return not filters.document_ids(connection, Filter(generations=wanted.generations, **condition))

    said = []
    if unknown := [name for name in wanted.types if idle(types=(name,))]:
        suffixes = _suffixes(connection, wanted)
        there = ", ".join(suffixes[:_NAMED]) or "none with a suffix"
        close = [near[0] for name in unknown if (near := difflib.get_close_matches(name.lstrip("."), suffixes, 1))]
        meant = f"; did you mean {' or '.join(f'`{name}`' for name in close)}? There" if close else "; there"
        said.append(f"no indexed file has the type {' or '.join(map(repr, unknown))}{meant} are {there}")
    for field, value in wanted.where:
        if idle(where=((field, value),)):
            names = list(_names(connection, wanted))
            there = ", ".join(names[:_NAMED]) or "none"
            lacking = f"no document has a field {field!r}; there are {there}"
            said.append(f"no document has {value!r} in its field {field!r}" if field in names else lacking)
    if wanted.path is not None and idle(path=wanted.path):
        said.append(f"no indexed file fits the path {wanted.path!r}")
    if wanted.after is not None and idle(after=wanted.after):
        said.append("every document is dated earlier than `after`")
    if wanted.before is not None and idle(before=wanted.before):
        said.append("no document is dated earlier than `before`")
    return said


def _suffixes(connection: sqlite3.Connection, wanted: Filter) -> list[str]:
    """List the suffixes of the files, the most common ones first."""
    rows = connection.execute(f"SELECT path {_INDEXED}", (json.dumps(wanted.generations),))
    suffixes = Counter(PurePath(row["path"]).suffix.lower().lstrip(".") for row in rows)
    del suffixes[""]
    return sorted(suffixes, key=lambda suffix: (-suffixes[suffix], suffix))


def _names(connection: sqlite3.Connection, wanted: Filter) -> Iterator[str]:
    """Yield the names of all metadata fields, those of most documents first."""
    rows = connection.execute(
        f"SELECT name FROM metadata WHERE document_id IN (SELECT id {_INDEXED}) "  # noqa: S608
        "GROUP BY name ORDER BY count(DISTINCT document_id) DESC, name",
        (json.dumps(wanted.generations),),
    )
    return (row["name"] for row in rows)
