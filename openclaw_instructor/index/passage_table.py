"""Read what a full-text table keeps of its rows: ids, lengths, and the texts they were made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from openclaw_instructor.index.fulltext import COLUMNS, Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]

# FTS5 keeps the sums over all rows in the record of this id.
_SUMS = 1


class Text(NamedTuple):
    """The fields of a passage that are ranked by."""

    id: int
    title: str
    heading: str
    text: str


def last(table: Table) -> int:
    """Return the greatest id; -1 in an empty table."""
    (found,) = table.connection.execute(f"SELECT max(id) FROM {table.name}_docsize").fetchone()  # noqa: S608
    return -1 if found is None else int(found)


def holds(table: Table, key: int) -> bool:
    """Say whether there is a row with this id."""
    statement = f"SELECT 1 FROM {table.name}_docsize WHERE id = ?"  # noqa: S608
    return table.connection.execute(statement, (key,)).fetchone() is not None


def ids_above(table: Table, lowest: int) -> Ids:
    """List the ids greater than `lowest`, ascending."""
    return _listed(
        table,
        f"SELECT group_concat(id) FROM (SELECT id FROM {table.name}_docsize WHERE id > ? ORDER BY id)",  # noqa: S608
        lowest,
    )


def matching_above(table: Table, expression: str, lowest: int) -> Ids:
    """List the ids greater than `lowest` that an expression matches, ascending, without the table's condition."""
    statement = f"SELECT group_concat(rowid) FROM {table.name} WHERE {table.name} MATCH ? AND rowid > ?"  # noqa: S608
    return _listed(table, statement, expression, lowest)


def _listed(table: Table, statement: str, *values: object) -> Ids:
    import numpy as np

    # One text of all ids is read in half the time of a row for each.
    (found,) = table.connection.execute(statement, values).fetchone()
    return np.fromstring(found or "", dtype=np.int64, sep=",")


def passing(table: Table, keys: Sequence[int]) -> list[int]:
    """Return those of the ids that meet the table's condition, in their order."""
    if not table.condition:
        return list(keys)
    condition = table.condition.replace(f"{table.name}.rowid", "sought.value")
    found = table.connection.execute(
        f"SELECT value FROM json_each(:keys) AS sought WHERE 1 {condition}",  # noqa: S608
        {"keys": json.dumps(list(keys)), **table.values},
    )
    return [row[0] for row in found]


def texts(table: Table, keys: Sequence[int]) -> Iterator[Text]:
    """Yield the fields of those passages that are still there."""
    rows = table.connection.execute(
        "SELECT id, title, heading, text FROM chunks WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(keys)),),
    )
    yield from (Text(*row) for row in rows)


def lengths(table: Table, keys: Sequence[int]) -> dict[int, int]:
    """Map ids to the number of words in all columns of a row."""
    rows = table.connection.execute(
        f"SELECT id, sz FROM {table.name}_docsize WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(list(keys)),),
    )
    return {row[0]: sum(_numbers(row[1], len(COLUMNS))) for row in rows}


def average_length(table: Table) -> float:
    """Return the mean number of words in all columns of a row."""
    statement = f"SELECT block FROM {table.name}_data WHERE id = ?"  # noqa: S608
    rows, *sums = _numbers(table.connection.execute(statement, (_SUMS,)).fetchone()[0], 1 + len(COLUMNS))
    return max(1.0, sum(sums) / max(1, rows))


def _numbers(record: bytes, count: int) -> list[int]:
    """Decode SQLite's numbers of variable length."""
    numbers, place = [], 0
    for _ in range(count):
        number = 0
        for byte in record[place : place + 8]:
            place += 1
            number = number << 7 | byte & 0x7F
            if byte < 0x80:
                break
        numbers.append(number)
    return numbers
