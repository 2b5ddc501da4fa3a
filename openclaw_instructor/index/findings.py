"""What one search found, while the snapshot that answered is still open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_instructor.index import inspection
from openclaw_instructor.index.search import to_hits

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.index.results import Hit
    from openclaw_instructor.index.search import Question, Retrieval
    from openclaw_instructor.index.selection import Chosen


@dataclass(frozen=True)
class Findings:
    """The passages that were chosen, with the ranking that they come from; `served` maps generations to collections."""

    connection: sqlite3.Connection
    served: Mapping[int, str]
    retrieval: Retrieval
    question: Question
    selected: Sequence[Chosen]
    notes: list[str]

    def hits(self, explain: bool) -> list[Hit]:
        """Make the hits, with `explain` each with its ranks."""
        trace = self.retrieval.trace if explain else None
        return to_hits(self.connection, self.selected, self.question.text, self.served, trace)

    def inspected(self, expect: str) -> dict[str, Any]:
        """Say at which stage of the search a file was lost."""
        return inspection.stage(self.connection, self.served, self.retrieval, self.selected, expect)
