"""Restrict a search to some documents: a filter value that every vector engine can translate, and its SQL."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index.gitignore import patterns

if TYPE_CHECKING:
    import sqlite3

    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Filter:
    """The passages that may answer: those that pass every condition that is given.

    `generations`: sets of passages, by id. `passages`: these chunks only. `path`: a pattern as in `.gitignore`.
    `after` and `before`: POSIX times of the last change, from `after` on and earlier than `before`. `where`: pairs of a
    metadata field and a value that the document has in it, whatever its case.
    """

    generations: tuple[int, ...] = ()
    passages: tuple[int, ...] | None = None
    path: str | None = None
    after: float | None = None
    before: float | None = None
    where: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, path: str | None = None, after: str | None = None, before: str | None = None) -> Filter:
        """Read the arguments of a search: a day is its first moment in local time. Raises InvalidArguments."""
        if path is not None:
            patterns([path], "path")
        return cls(path=path, after=_moment("after", after), before=_moment("before", before))

    @property
    def narrows(self) -> bool:
        """Whether some document of the generations may not answer."""
        return any(value is not None for value in (self.path, self.after, self.before)) or bool(self.where)

    def of(self, generations: Sequence[int]) -> Filter:
        """Return the same conditions on these generations."""
        return replace(self, generations=tuple(generations))

    def among(self, passages: Sequence[int]) -> Filter:
        """Return a filter of only these passages, which are known to pass the other conditions."""
        return Filter(generations=self.generations, passages=tuple(passages))


def document_ids(connection: sqlite3.Connection, wanted: Filter) -> list[int] | None:
    """List the ids of the documents that pass; None when all of the generations do."""
    if not wanted.narrows:
        return None
    conditions = ["generation_id IN (SELECT value FROM json_each(:generations))", "reason = ''"]
    values: dict[str, object] = {"generations": json.dumps(wanted.generations)}
    for name, condition in (("after", "modified >= :after"), ("before", "modified < :before")):
        if getattr(wanted, name) is not None:
            conditions.append(condition)
            values[name] = getattr(wanted, name)
    for number, (field, value) in enumerate(wanted.where):
        conditions.append(
            f"EXISTS (SELECT 1 FROM metadata WHERE document_id = documents.id AND name = :field{number} "  # noqa: S608
            f"AND value = :value{number} COLLATE NOCASE)"
        )
        values |= {f"field{number}": field, f"value{number}": value}
    rows = connection.execute(f"SELECT id, path, place FROM documents WHERE {' AND '.join(conditions)}", values)  # noqa: S608
    if wanted.path is None:
        return [row["id"] for row in rows]
    # An agent seldom knows where a collection's root is, so a relative pattern may match at any depth.
    absolute = wanted.path.startswith("/")
    spec = patterns([wanted.path if absolute else f"**/{wanted.path}"], "path")
    # A hit's own file, whose name may hold what patterns read as a class of characters, comes back as it is.
    return [
        row["id"]
        for row in rows
        if wanted.path in (row["path"], row["place"])
        or spec.match_file(row["path"].lstrip("/") if absolute else row["place"])
    ]


def chunk_ids(connection: sqlite3.Connection, wanted: Filter) -> npt.NDArray[np.int64] | None:
    """List the ids of the chunks that pass; None when all of the generations do."""
    import numpy as np

    if wanted.passages is not None:
        return np.array(wanted.passages, dtype=np.int64)
    documents = document_ids(connection, wanted)
    if documents is None:
        return None
    rows = connection.execute(
        "SELECT id FROM chunks WHERE document_id IN (SELECT value FROM json_each(?))", (json.dumps(documents),)
    )
    return np.fromiter((row["id"] for row in rows), dtype=np.int64)


def _moment(name: str, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        raise InvalidArguments(f"{name}: {value!r} is no ISO date; write it like 2026-01-31") from None
    try:
        return moment.timestamp()
    except (OverflowError, OSError, ValueError):
        raise InvalidArguments(f"{name}: {value!r} is out of range; use a year from 1970 on") from None
