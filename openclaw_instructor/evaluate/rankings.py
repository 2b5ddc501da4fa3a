"""Rank a corpus for each query: by vectors, by words, or by both.

Words, vectors and fusion are those of `search_docs` (`index/fulltext.py`, `index/vectors/exact.py`, `index/fusion.py`);
documents stay whole here, where the index cuts them into chunks, so that scores compare with published ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from openclaw_instructor.index import fulltext, fusion
from openclaw_instructor.index.query import parse
from openclaw_instructor.index.search import CANDIDATES
from openclaw_instructor.index.vectors.exact import best_backend
from openclaw_instructor.index.vectors.sample import spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.evaluate.datasets import Row

MODES = ("dense", "bm25", "hybrid")
DEPTH = 1000

Run = dict[str, dict[str, float]]


def dense(
    queries: Sequence[str], query_vectors: NDArray[np.float32], documents: Sequence[str], vectors: NDArray[np.float32]
) -> Run:
    """Rank documents by inner product: query id -> document id -> score."""
    run: Run = {}
    depth = min(DEPTH, len(documents))
    for start in range(0, len(queries), 256):
        scores = query_vectors[start : start + 256] @ vectors.T
        best = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        for row, query in enumerate(queries[start : start + 256]):
            run[query] = {documents[i]: float(scores[row, i]) for i in best[row]}
    return run


class FullText:
    """Full-text search over a corpus as in the index: any word of a query may match, words of the title count twice."""

    def __init__(self, corpus: Sequence[Row]) -> None:
        self.documents = [row["id"] for row in corpus]
        self._database = sqlite3.connect(":memory:")
        self._database.execute(fulltext.create_table("texts"))
        self._database.executemany(
            "INSERT INTO texts (rowid, title, heading, text, extras, forms) VALUES (?, ?, ?, ?, ?, ?)",
            (_streams(number, row.get("title") or "", row["text"]) for number, row in enumerate(corpus)),
        )
        self._table = fulltext.Table(self._database, "texts")

    def __del__(self) -> None:
        self._database.close()

    def bm25(self, queries: Mapping[str, str]) -> Run:
        """Rank by full text, as the mode `keyword` does."""
        return {
            query: {self.documents[match.key]: match.score for match in self.look_up(text).matches(DEPTH)}
            for query, text in queries.items()
        }

    def look_up(self, query: str) -> fulltext.Lookup:
        """Look the words of a query up."""
        return fulltext.Lookup.of(self._table, parse(query))


def _streams(number: int, title: str, text: str) -> tuple[int, str, str, str, str, str]:
    whole = (title, "", "", text)
    plain = (fulltext.word_stream(title), "", fulltext.word_stream(text))
    return (number, *plain, fulltext.extras_stream(*whole), fulltext.forms_stream(*whole))


class Candidates(NamedTuple):
    """What a query's vectors and words have found; `meaning`, as (row, score), has all of both."""

    meaning: fusion.Ranking
    words: Sequence[fulltext.Match]
    spread: fusion.Spread
    first: Sequence[int]
    alone: Sequence[int]


def candidates(
    queries: Mapping[str, str], query_vectors: NDArray[np.float32], vectors: NDArray[np.float32], full_text: FullText
) -> dict[str, Candidates]:
    """Collect the two rankings that `search_docs` fuses, for each query."""
    held = best_backend()(vectors.shape[1])
    held.add(np.arange(len(vectors)), vectors)
    result = {}
    for (query, text), asked in zip(queries.items(), query_vectors, strict=True):
        near, lookup = held.search(asked, CANDIDATES), full_text.look_up(text)
        matches = lookup.matches(CANDIDATES)
        far = np.array(sorted({match.key for match in matches} - {key for key, _ in near}), dtype=np.int64)
        judged = held.search(asked, len(far), far) if len(far) else []
        result[query] = Candidates(near + judged, matches, spread(vectors, asked), lookup.first, lookup.alone)
    return result


def fuse(found: Mapping[str, Candidates], documents: Sequence[str], share: fusion.Share = fusion.meaning_share) -> Run:
    """Fuse both rankings of every query as `search_docs` does, or with another `share` of the vectors."""
    fused = {query: fusion.fused(*each, share) for query, each in found.items()}
    return {query: {documents[number]: score for number, score in ranking} for query, ranking in fused.items()}
