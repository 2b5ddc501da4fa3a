"""Remember which passages have what queries ask for, so that a large table is asked once for a frequent word.

The rows of the table are numbered in the order of their ids: a place is such a number. What is added to the table is
read when it is asked for; what was deleted stays here until the table is read anew, so whoever uses a place looks
whether its passage is still there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_instructor.index import passage_table
from openclaw_instructor.index.fulltext import Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]
    Places = npt.NDArray[np.int32]

_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class _Known:
    """The places of an expression among the first `rows` rows."""

    places: Places
    rows: int


class Postings:
    """The rows of one full-text table, and those that match an expression. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: Ids | None = None
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._bytes = 0

    def of(self, table: Table, expressions: list[str]) -> tuple[Ids, list[Places]]:
        """Return the ids of all rows, ascending, and for each expression the places in them that match it."""
        with self._lock:
            ids = self._rows(table)
            return ids, [self._places(table, expression, ids) for expression in expressions]

    def _rows(self, table: Table) -> Ids:
        import numpy as np

        ids, last = self._ids, passage_table.last(table)
        if ids is None or not len(ids) or last < ids[-1] or not passage_table.holds(table, int(ids[-1])):
            # Another store, or the last row is gone: what else has changed cannot be told.
            self._known.clear()
            self._bytes = 0
            ids = passage_table.ids_above(table, -1)
        elif last > ids[-1]:
            ids = np.concatenate([ids, passage_table.ids_above(table, int(ids[-1]))])
        self._ids = ids
        return ids

    def _places(self, table: Table, expression: str, ids: Ids) -> Places:
        import numpy as np

        known = self._known.pop(expression, None) or _Known(np.empty(0, dtype=np.int32), 0)
        if known.rows < len(ids):
            lowest = int(ids[known.rows - 1]) if known.rows else -1
            new = np.searchsorted(ids, passage_table.matching_above(table, expression, lowest)).astype(np.int32)
            known = _Known(np.concatenate([known.places, new]), len(ids))
            self._bytes += new.nbytes
        self._known[expression] = known
        while self._bytes > _MOST_BYTES and len(self._known) > 1:
            _, dropped = self._known.popitem(last=False)
            self._bytes -= dropped.places.nbytes
        return known.places
