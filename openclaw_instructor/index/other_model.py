"""Answer one question as an index of another checkpoint would, without making that index.

A small collection is embedded whole, for this question only and not stored. Of a larger one it is the passages that may
answer: those nearest by the vectors that it has, those with the query's words, and an even sample, from which the
spread of the scores is estimated. The words rank as always, and everything after the vectors is the search itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from openclaw_instructor.engine import Priority
from openclaw_instructor.index import chunk_store, collections, inspection
from openclaw_instructor.index.answering import MAX_QUERY_CHARACTERS, Answering, Asked
from openclaw_instructor.index.search import Held, Question, Retrieval
from openclaw_instructor.index.vectors import sample
from openclaw_instructor.index.vectors.exact import NumpyVectors
from openclaw_instructor.index.vectors.protocol import View

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.collections import Collection, Generation
    from openclaw_instructor.index.filters import Filter
    from openclaw_instructor.index.fusion import Spread
    from openclaw_instructor.index.progress import Progress
    from openclaw_instructor.index.results import SearchResult
    from openclaw_instructor.index.staleness import Steering
    from openclaw_instructor.index.store import Store
    from openclaw_instructor.index.vectors.protocol import Ids, Matrix, Searcher

# Collections of together so many passages are embedded whole.
WHOLE = 1_000
# Of larger ones so many by meaning and as many by words, and so many of each for the spread.
NEAREST = 150
SPREAD = 250
_PER_CALL = 64


@dataclass(frozen=True)
class Compared:
    """What the other checkpoint answered; it read `embedded` of the `passages` of the collections, `cut` not whole.

    `inspected` says at which stage an expected file was lost.
    """

    result: SearchResult
    embedded: int
    passages: int
    cut: int
    inspected: dict[str, Any]


@dataclass(frozen=True)
class OtherModel:
    """Searches the collections of a store with an `engine` of another checkpoint than `answering` has."""

    store: Store
    answering: Answering
    engine: Engine

    def search(
        self, asked: Asked, own_instruction: str, names: str, steering: Steering, on_progress: Progress
    ) -> Compared:
        """Answer what is asked. `own_instruction` is that of the query under the index's own checkpoint.

        `steering` gives the document instruction of a collection under the other one. `on_progress` counts passages.
        Raises UnknownCollection, InvalidArguments, and what the engine raises.
        """
        with self.store.read() as connection:
            chosen = [known for known in self._named(connection, names) if known.serving]
            stale = {known.name: self.answering.stale(known) for known in chosen}
            every = {known.name: view.ids() for known, view in _views(connection, chosen)}
            passages = sum(len(ids) for ids in every.values())
            sampled, wanted = every, every
            if passages > WHOLE:
                sampled = {name: _even(ids) for name, ids in every.items()}
                near = self._nearest(connection, chosen, replace(asked, instruction=own_instruction))
                wanted = {name: _united(ids, near, every[name]) for name, ids in sampled.items()}
            texts = {name: _texts(connection, ids) for name, ids in wanted.items()}
        vectors, cut = self._embed(texts, steering, on_progress)
        temporary = replace(
            self.answering,
            engine=self.engine,
            vectors=_Temporary(vectors),
            held=Held(_Spreads(vectors, sampled), self.answering.held.postings),
            stale=lambda known: stale[known.name],
        )
        with self.store.read() as connection:
            found = [self._as_if(known) for known in self._named(connection, names) if known.name in texts]
            result = temporary.answer(connection, found, asked)
        inspected = {}
        if asked.expect is not None:
            inspected = inspection.completed(result.inspected, asked.expect, self.store, found)
        return Compared(result, sum(map(len, texts.values())), passages, cut, inspected)

    def _named(self, connection: sqlite3.Connection, names: str) -> list[Collection]:
        return collections.named(collections.collections(connection), names)

    def _as_if(self, known: Collection) -> Collection:
        """Return a collection as if the other checkpoint had embedded it."""
        engine = self.engine
        space = engine.identity("")
        serving = known.serving and replace(
            known.serving, embedding_space=space, checkpoint=engine.checkpoint_name, dimension=engine.dimension
        )
        return replace(known, serving=serving)

    def _nearest(self, connection: sqlite3.Connection, chosen: Sequence[Collection], asked: Asked) -> Ids:
        """List the candidates of the search as it is, by vectors and by words."""
        import numpy as np

        cut = asked.query[:MAX_QUERY_CHARACTERS]
        vector = self.answering.embed(cut, asked.instruction, chosen, "hybrid").vector
        sources, _ = self.answering.sources(connection, chosen, by_meaning=vector is not None)
        question = Question(cut, vector, "hybrid", asked.wanted)
        ranking = Retrieval(connection, sources, question, self.answering.held).candidates(NEAREST)
        return np.array([key for key, _ in ranking], np.int64)

    def _embed(
        self, texts: Mapping[str, Mapping[int, str]], steering: Steering, on_progress: Progress
    ) -> tuple[dict[str, tuple[Ids, Matrix]], int]:
        import numpy as np

        total, done, cut = sum(map(len, texts.values())), 0, 0
        found = {}
        for name, known in texts.items():
            instruction, ids = steering(name), list(known)
            rows = np.empty((len(ids), self.engine.dimension), np.float32)
            for start in range(0, len(ids), _PER_CALL):
                on_progress(done, total, f"{done:,} of {total:,} passages read by {self.engine.checkpoint_name}")
                batch = [known[key] for key in ids[start : start + _PER_CALL]]
                embeddings = self.engine.embed(batch, instruction, role="document", priority=Priority.BULK)
                rows[start : start + len(batch)] = embeddings.vectors
                cut += sum(embeddings.truncated)
                done += len(batch)
            found[name] = (np.array(ids, np.int64), rows)
        return found, cut


class _Temporary:
    """A `VectorEngine` of vectors that are given for each collection and kept nowhere."""

    def __init__(self, vectors: Mapping[str, tuple[Ids, Matrix]]) -> None:
        self._vectors = vectors

    def open(self, view: View) -> tuple[Searcher, list[str]]:
        ids, vectors = self._vectors[view.collection.name]
        return _Searcher(view, ids, vectors), []

    def update(self, view: View) -> list[str]:
        return []

    def keep(self, generations: Mapping[str, Generation]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is held."""


class _Searcher:
    def __init__(self, view: View, ids: Ids, vectors: Matrix) -> None:
        import numpy as np

        self._view = view
        self._vectors = NumpyVectors(vectors.shape[1])
        # What a sync has taken away since the texts were read is no candidate.
        there = np.isin(ids, view.ids())
        self._vectors.add(ids[there], vectors[there])

    def search(self, query: Matrix, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        return self._vectors.search(query, limit, self._view.passing(wanted))


class _Spreads(sample.Samples):
    """The spread of the scores over the passages that stand for their collection."""

    def __init__(self, vectors: Mapping[str, tuple[Ids, Matrix]], sampled: Mapping[str, Ids]) -> None:
        import numpy as np

        super().__init__()
        self._sampled = {name: rows[np.isin(ids, sampled[name])] for name, (ids, rows) in vectors.items()}

    @override
    def spread(self, view: View, query: Matrix) -> Spread:
        return sample.spread(self._sampled[view.collection.name], query)


def _views(connection: sqlite3.Connection, chosen: Sequence[Collection]) -> Iterator[tuple[Collection, View]]:
    for known in chosen:
        if known.serving is not None:
            yield known, View(connection, known, known.serving)


def _even(ids: Ids) -> Ids:
    import numpy as np

    return ids[np.linspace(0, len(ids) - 1, min(SPREAD, len(ids))).astype(int)] if len(ids) else ids


def _united(ids: Ids, near: Ids, every: Ids) -> Ids:
    import numpy as np

    return np.union1d(ids, near[np.isin(near, every)])


def _texts(connection: sqlite3.Connection, ids: Ids) -> dict[int, str]:
    """Map ids to the texts as the model reads them: heading, context and text."""
    rows = connection.execute(
        f"SELECT id, {chunk_store.EMBEDDED} AS embedded FROM chunks "  # noqa: S608
        "WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(ids.tolist()),),
    )
    return {row["id"]: row["embedded"].strip() for row in rows}
