"""Why a search answered as it did: both rankings, what they weighed, and why a passage was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.index.chunk_store import Passage

MAX_LEFT_OUT = 20

Scored = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Trace:
    """What one search went through.

    `by_meaning` and `by_words` are the candidates of either side with cosine and BM25, and `ranking` the fused ones,
    all best first; fused, BM25 counts times the share of the query that the passage has. `meaning_weight` is the share
    of the vectors in a fused score. `found` are the candidates' passages, and `left_out` says of some why they are no
    hits.
    """

    by_meaning: Scored = ()
    by_words: Scored = ()
    ranking: Scored = ()
    meaning_weight: float = 0.0
    found: Mapping[int, Passage] = field(default_factory=dict)
    left_out: Mapping[int, str] = field(default_factory=dict)

    def of(self, key: int) -> dict[str, Any]:
        """Explain one passage: its rank and score on either side, None where that side has not found it, and fused."""
        return {
            "meaning": _place(self.by_meaning, key, "cosine"),
            "words": _place(self.by_words, key, "bm25"),
            "fused": _place(self.ranking, key, "score"),
        }

    def as_dict(self) -> dict[str, Any]:
        """Explain the whole: the weights, how many candidates there were, and the best passages that are no hits."""
        left_out = [
            {
                "file": passage.path,
                "location": str(passage.location(passage.first_line, passage.last_line)),
                "rank": rank,
                "reason": self.left_out[key],
            }
            for rank, (key, _) in enumerate(self.ranking, 1)
            if key in self.left_out and (passage := self.found.get(key)) is not None
        ]
        return {
            "weights": {"meaning": round(self.meaning_weight, 4), "words": round(1 - self.meaning_weight, 4)},
            "candidates": {
                "meaning": len(self.by_meaning),
                "words": len(self.by_words),
                "fused": len(self.ranking),
            },
            "left_out": left_out[:MAX_LEFT_OUT],
        }


def _place(ranking: Scored, key: int, name: str) -> dict[str, Any] | None:
    for rank, (known, score) in enumerate(ranking, 1):
        if known == key:
            return {"rank": rank, name: round(float(score), 4)}
    return None
