"""Rankings of a corpus for each query: by vectors, by words, or by both.

Words and fusion are those of `search_docs` (`index/passages.py`, `index/fusion.py`); documents stay whole here, where
the index cuts them into chunks, so that scores compare with published ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from openclaw_instructor.index import fusion, passages
from openclaw_instructor.index.search import CANDIDATES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.evaluate.datasets import Row

MODES = ("dense", "bm25", "hybrid")
DEPTH = 1000

Run = dict[str, dict[str, float]]


def dense(
    queries: Sequence[str], query_vectors: NDArray[np.float32], documents: Sequence[str], vectors: NDArray[np.float32]
) -> Run:
    """The best documents by inner product: query id -> document id -> score."""
    run: Run = {}
    depth = min(DEPTH, len(documents))
    for start in range(0, len(queries), 256):
        scores = query_vectors[start : start + 256] @ vectors.T
        best = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        for row, query in enumerate(queries[start : start + 256]):
            run[query] = {documents[i]: float(scores[row, i]) for i in best[row]}
    return run


def bm25(queries: Mapping[str, str], corpus: Sequence[Row]) -> Run:
    """Full-text search in SQLite: any word of the query may match, a word of the title counts twice."""
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE VIRTUAL TABLE texts USING "
        "fts5 (id UNINDEXED, title, body, tokenize = 'porter unicode61 remove_diacritics 2')"
    )
    rows = ((row["id"], row.get("title") or "", row["text"]) for row in corpus)
    database.executemany("INSERT INTO texts VALUES (?, ?, ?)", rows)
    title, _, body = passages.COLUMN_WEIGHTS
    # bm25() is smaller for better matches, and the unindexed id takes the first weight.
    statement = "SELECT id, -bm25(texts, 0, ?, ?) AS score FROM texts WHERE texts MATCH ? ORDER BY score DESC LIMIT ?"
    run: Run = {}
    for query, text in queries.items():
        words = " OR ".join(f'"{word}"' for word in passages.terms(text))
        run[query] = dict(database.execute(statement, (title, body, words, DEPTH))) if words else {}
    database.close()
    return run


def fuse(vectors: Run, words: Run, share: fusion.Share = fusion.meaning_share) -> Run:
    """The hybrid ranking of `search_docs` for every query, or one with another `share` of the vectors."""
    return {query: _fused(by_meaning, words.get(query, {}), share) for query, by_meaning in vectors.items()}


def _fused(by_meaning: Mapping[str, float], by_words: Mapping[str, float], share: fusion.Share) -> dict[str, float]:
    near, matched = _best(by_meaning), _best(by_words)
    documents = list(dict(near + matched))
    numbers = {document: number for number, document in enumerate(documents)}

    def judged(ids: list[int]) -> list[tuple[int, float]]:
        return [(number, by_meaning[documents[number]]) for number in ids if documents[number] in by_meaning]

    rankings = [[(numbers[document], score) for document, score in ranking] for ranking in (near, matched)]
    return {documents[key]: score for key, score in fusion.hybrid(rankings[0], rankings[1], judged, share)}


def _best(hits: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(hits.items(), key=lambda item: (-item[1], item[0]))[:CANDIDATES]
