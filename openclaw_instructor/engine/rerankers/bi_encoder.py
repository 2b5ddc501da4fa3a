"""Rerank with the checkpoint's own instructed embeddings.

A bi-encoder: query and documents are embedded apart, so a document that comes again costs nothing, and a score is a
cosine. It cannot weigh the words of one against the other as a cross-encoder does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openclaw_instructor.engine.rerankers.protocol import Reranked

if TYPE_CHECKING:
    from openclaw_instructor.engine.engine import Engine


class BiEncoderReranker:
    """Scores by cosine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rerank(
        self, query: str, documents: Sequence[str], query_instruction: str, document_instruction: str
    ) -> Reranked:
        """Score each document by the cosine of its embedding with the query's; an empty one has 0."""
        written = [index for index, text in enumerate(documents) if text.strip()]
        distinct = list(dict.fromkeys(documents[index] for index in written))
        scores = [0.0] * len(documents)
        if not distinct:
            return Reranked(self._engine.checkpoint_name, scores, [])
        asked = self._engine.embed([query], query_instruction, role="query")
        embedded = self._engine.embed(distinct, document_instruction, role="document")
        cosines = embedded.vectors @ asked.vectors[0]
        score_of = dict(zip(distinct, map(float, cosines), strict=True))
        cut = {text for text, truncated in zip(distinct, embedded.truncated, strict=True) if truncated}
        for index in written:
            scores[index] = score_of[documents[index]]
        return Reranked(self._engine.checkpoint_name, scores, [i for i in written if documents[i] in cut])
