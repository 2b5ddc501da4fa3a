"""Rankings of a corpus for each query: by vectors, by words, or by both fused, as `search_docs` does it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.evaluate.datasets import Row

MODES = ("dense", "bm25", "hybrid")
DEPTH = 1000
FUSED_DEPTH = 100
RRF_K = 60
TITLE_WEIGHT = 2.0

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
    """SQLite FTS5 with Porter stemming, a title counting twice; any word of the query may match."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE texts USING fts5 (id UNINDEXED, title, body, tokenize = 'porter unicode61')")
    rows = ((row["id"], row.get("title") or "", row["text"]) for row in corpus)
    database.executemany("INSERT INTO texts VALUES (?, ?, ?)", rows)
    # bm25() is smaller for better matches, and the unindexed id takes the first weight.
    statement = "SELECT id, -bm25(texts, 0, ?, 1) AS score FROM texts WHERE texts MATCH ? ORDER BY score DESC LIMIT ?"
    run: Run = {}
    for query, text in queries.items():
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(re.findall(r"\w+", text.lower())))
        hits = database.execute(statement, (TITLE_WEIGHT, words, DEPTH)) if words else ()
        run[query] = dict(hits)
    database.close()
    return run


def fuse(first: Run, second: Run) -> Run:
    """Reciprocal rank fusion of two runs (Cormack et al., SIGIR 2009), their first hundred documents each."""
    fused: Run = {}
    for query in first:
        scores: dict[str, float] = {}
        for run in (first, second):
            hits = run.get(query, {})
            ordered = sorted(hits, key=lambda document: (hits[document], document), reverse=True)[:FUSED_DEPTH]
            for rank, document in enumerate(ordered, 1):
                scores[document] = scores.get(document, 0.0) + 1.0 / (RRF_K + rank)
        fused[query] = scores
    return fused
