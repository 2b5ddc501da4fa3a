"""What everything that reranks can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Reranked:
    """Scores in the order of the documents, higher being better; `truncated` are the places of those cut short."""

    model: str
    scores: list[float]
    truncated: list[int]


class Reranker(Protocol):
    """Scores documents against a query. Safe to share between threads."""

    def rerank(
        self, query: str, documents: Sequence[str], query_instruction: str, document_instruction: str
    ) -> Reranked:
        """Score each document; a model that takes no instructions ignores them."""
