"""Restrict a search to some documents: a filter value that every vector engine can translate, and its SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_instructor.documents.syntax.languages import LANGUAGES
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import mailboxes, moments
from openclaw_instructor.index.path_filter import PathFilter

if TYPE_CHECKING:
    import sqlite3

    import numpy as np
    import numpy.typing as npt

# What people call formats whose readers have other names.
_MAIL = ("e-mail", "mailbox")
_SHEETS = ("excel", "opendocument-spreadsheet", "table")
_TYPES = {
    "mail": _MAIL,
    "email": _MAIL,
    "spreadsheet": _SHEETS,
    "presentation": ("powerpoint", "opendocument-presentation"),
    "code": tuple(language.name.lower().replace(" ", "-") for language in LANGUAGES),
}
# Fields under other names of theirs.
_SAME = {"tag": "tags", "sender": "from", "authors": "author", "creator": "author", "recipient": "to"}
# Written with commas, or by several people: any word of the value may be meant. Others hold one value, a tag for one.
_PROSE = frozenset({"author", "from", "to", "cc", "subject", "title", "description"})


@dataclass(frozen=True)
class Filter:
    """The passages that may answer: those that pass every condition that is given.

    `generations`: sets of passages, by id. `passages`: these chunks only. `path`: a path of a result, or a pattern as
    in `.gitignore`. `after` and `before`: POSIX times, from `after` on and earlier than `before`, of the date that the
    document states, else of the last change of its file. `where`: pairs of a metadata field and a value that the
    document has in it, whatever its case. `types`: suffixes or names of formats, one of which the file has.
    """

    generations: tuple[int, ...] = ()
    passages: tuple[int, ...] | None = None
    path: str | None = None
    after: float | None = None
    before: float | None = None
    where: tuple[tuple[str, str], ...] = ()
    types: tuple[str, ...] = ()

    @classmethod
    def parse(
        cls,
        path: str | None = None,
        after: str | None = None,
        before: str | None = None,
        where: Mapping[str, str] | None = None,
        types: str | None = None,
    ) -> Filter:
        """Read the arguments of a search; dates are on the caller's clock. Raises InvalidArguments."""
        if path is not None:
            PathFilter(path)
        return cls(
            path=path,
            after=None if after is None else moments.parse("after", after),
            before=None if before is None else moments.parse("before", before),
            where=_fields(where or {}),
            types=tuple(name for part in (types or "").split(",") if (name := part.strip().lower().lstrip("*."))),
        )

    @property
    def narrows(self) -> bool:
        """Whether some document of the generations may not answer."""
        return bool(self.conditions)

    @property
    def conditions(self) -> list[str]:
        """The arguments that narrow the documents, by the names under which a search takes them."""
        given = {
            "path": self.path is not None,
            "after": self.after is not None,
            "before": self.before is not None,
            "type": bool(self.types),
            "where": bool(self.where),
        }
        return [name for name, narrows in given.items() if narrows]

    def only(self, condition: str) -> Filter:
        """Return the filter with this one of its `conditions`."""
        field = {"type": "types"}.get(condition, condition)
        return replace(Filter(generations=self.generations), **{field: getattr(self, field)})

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
    rows = connection.execute(
        "SELECT id, path, place, modified, reader FROM documents "
        "WHERE generation_id IN (SELECT value FROM json_each(?)) AND reason = ''",
        (json.dumps(wanted.generations),),
    ).fetchall()
    within = _of_mailboxes(connection, wanted)
    if wanted.path is not None:
        path = PathFilter(wanted.path)
        rows = path.chosen(rows)
    if wanted.types:
        kinds = {kind for name in wanted.types for kind in (name, *_TYPES.get(name, ()))}
        rows = [row for row in rows if not kinds.isdisjoint(_types(row["path"], row["reader"]))]
    for field, value in wanted.where:
        having = _having(connection, field, value)
        rows = [row for row in rows if row["id"] in having or row["id"] in within]
    if wanted.after is not None or wanted.before is not None:
        stated = _stated_dates(connection)
        rows = [
            row
            for row in rows
            if row["id"] in within or _within(wanted, *stated.get(row["id"], (row["modified"],) * 2))
        ]
    return [row["id"] for row in rows if within.get(row["id"], True)]


def _of_mailboxes(connection: sqlite3.Connection, wanted: Filter) -> dict[int, list[int]]:
    """Map every mailbox to the passages of its messages that pass `where` and the dates; {} without such a filter."""
    if not wanted.where and wanted.after is None and wanted.before is None:
        return {}
    rows = connection.execute(
        "SELECT id, modified FROM documents WHERE generation_id IN (SELECT value FROM json_each(?)) AND reason = '' "
        "AND reader LIKE '%mailbox/%'",
        (json.dumps(wanted.generations),),
    )
    known = {row["id"]: row["modified"] for row in rows}
    found = mailboxes.passing(connection, known, lambda fields: _message_fits(wanted, fields))
    return {key: found.get(key, []) for key in known}


def _message_fits(wanted: Filter, fields: Mapping[str, str]) -> bool:
    if not all(_fits(field, value, fields.get(field, "")) for field, value in wanted.where):
        return False
    if wanted.after is None and wanted.before is None:
        return True
    span = moments.stated(fields.get("date", ""))
    return span is not None and _within(wanted, *span)


def _fields(where: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Read `where`. Raises InvalidArguments."""
    fields = []
    for given, value in where.items():
        name = given.strip().lower()
        value = value.strip().lstrip("#") if name in ("tag", "tags") else value.strip()
        if not name or not value:
            raise InvalidArguments(f"where: `{given[:60]}` needs a value; write it like {{author: Ann}}")
        fields.append((_SAME.get(name, name), value))
    return tuple(fields)


def _types(path: str, reader: str) -> Iterable[str]:
    """Yield what the type of a file may be called: its suffix, and the formats of its name and of its content."""
    yield PurePath(path).suffix.lower().lstrip(".")
    for known in reader.lower().split(" "):
        yield known.partition("/")[0]


def _having(connection: sqlite3.Connection, field: str, value: str) -> set[int]:
    """Find the ids of the documents that have this value in this field."""
    rows = connection.execute("SELECT document_id, value FROM metadata WHERE name = ?", (field,))
    return {row["document_id"] for row in rows if _fits(field, value, row["value"])}


def _fits(field: str, value: str, known: str) -> bool:
    """Say whether what a document has in a field is what is asked for, whatever their case."""
    sought, known = value.casefold(), known.casefold()
    # A tag may be one below the one that is asked for, as in `work/travel`.
    if known == sought or known.startswith(f"{sought}/"):
        return True
    return field in _PROSE and re.search(rf"(?<!\w){re.escape(sought)}(?!\w)", known) is not None


def _stated_dates(connection: sqlite3.Connection) -> dict[int, tuple[float, float]]:
    """Map the id of a document to the span of the date that it states; a mailbox has that of its first message."""
    rows = connection.execute(
        "SELECT document_id, value FROM metadata JOIN documents ON documents.id = document_id "
        "WHERE name = 'date' AND reader NOT LIKE '%mailbox/%' ORDER BY metadata.rowid DESC"
    )
    return {row["document_id"]: span for row in rows if (span := moments.stated(row["value"]))}


def _within(wanted: Filter, first: float, last: float) -> bool:
    """Say whether a span of time, which may be one moment, has a part in the wanted one."""
    late_enough = wanted.after is None or first >= wanted.after or last > wanted.after
    return late_enough and (wanted.before is None or first < wanted.before)


def condition(connection: sqlite3.Connection, wanted: Filter) -> tuple[str, dict[str, str]]:
    """Build what limits a WHERE clause over `passages` to those that pass, with its values."""
    documents = document_ids(connection, wanted)
    generations = json.dumps(wanted.generations)
    others = "SELECT 1 FROM generations WHERE id NOT IN (SELECT value FROM json_each(?)) LIMIT 1"
    if documents is None and connection.execute(others, (generations,)).fetchone() is None:
        return "", {}
    passing = "documents.generation_id IN (SELECT value FROM json_each(:generations))"
    if documents is not None:
        passing = "documents.id IN (SELECT value FROM json_each(:documents))"
    within = _of_mailboxes(connection, wanted)
    if within:
        passing += (
            " AND (documents.id NOT IN (SELECT value FROM json_each(:mailboxes)) "
            "OR chunks.id IN (SELECT value FROM json_each(:messages)))"
        )
    passages = (
        "SELECT 1 FROM chunks JOIN documents ON documents.id = chunks.document_id WHERE chunks.id = passages.rowid"
    )
    values = {"generations": generations} if documents is None else {"documents": json.dumps(documents)}
    if within:
        values |= {
            "mailboxes": json.dumps(list(within)),
            "messages": json.dumps([*chain.from_iterable(within.values())]),
        }
    return f"AND EXISTS ({passages} AND {passing})", values


def without(connection: sqlite3.Connection, wanted: Filter, unwanted: Collection[int]) -> Filter:
    """Narrow a filter to the chunks that are not among the unwanted."""
    passing = chunk_ids(connection, wanted)
    if passing is not None:
        return wanted.among([key for key in passing.tolist() if key not in unwanted])
    rows = connection.execute(
        "SELECT chunks.id FROM chunks JOIN documents ON documents.id = chunks.document_id "
        "WHERE documents.generation_id IN (SELECT value FROM json_each(?))",
        (json.dumps(wanted.generations),),
    )
    return wanted.among([row["id"] for row in rows if row["id"] not in unwanted])


def chunk_ids(connection: sqlite3.Connection, wanted: Filter) -> npt.NDArray[np.int64] | None:
    """List the ids of the chunks that pass; None when all of the generations do."""
    import numpy as np

    if wanted.passages is not None:
        return np.array(wanted.passages, dtype=np.int64)
    documents = document_ids(connection, wanted)
    if documents is None:
        return None
    within = _of_mailboxes(connection, wanted)
    whole = [key for key in documents if key not in within]
    # One text of all ids is read faster than a row for each.
    (listed,) = connection.execute(
        "SELECT group_concat(id) FROM chunks WHERE document_id IN (SELECT value FROM json_each(?))",
        (json.dumps(whole),),
    ).fetchone()
    messages = np.fromiter(chain.from_iterable(within[key] for key in documents if key in within), dtype=np.int64)
    return np.concatenate([np.fromstring(listed or "", dtype=np.int64, sep=","), messages])
