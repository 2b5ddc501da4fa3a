"""Answer a query from some collections: embed it, open what can be compared with it, and choose the passages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openclaw_instructor.engine.queue import Priority
from openclaw_instructor.errors import IdentityMismatch, VectorsUnavailable
from openclaw_instructor.index import chunk_store, empty_results, freshness, idle_filters, staleness
from openclaw_instructor.index.collections import collections
from openclaw_instructor.index.findings import Findings
from openclaw_instructor.index.query import parse
from openclaw_instructor.index.results import SearchResult
from openclaw_instructor.index.search import Held, QueryEmbedding, Question, Retrieval, Source
from openclaw_instructor.index.vectors.protocol import View

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.collections import Collection
    from openclaw_instructor.index.filters import Filter
    from openclaw_instructor.index.search import Mode
    from openclaw_instructor.index.vectors.protocol import VectorEngine

MAX_QUERY_CHARACTERS = 20_000


@dataclass(frozen=True)
class Asked:
    """What a search was asked for; `Index.search` says what each of these means."""

    query: str
    instruction: str
    wanted: Filter
    mode: Mode
    top_k: int
    diversity: float
    explain: bool
    expect: str | None


@dataclass(frozen=True)
class Answering:
    """Answers from the collections of one store; `stale` explains why a collection should be synced, if it should."""

    engine: Engine
    vectors: VectorEngine
    held: Held
    stale: Callable[[Collection], str | None]

    def answer(self, connection: sqlite3.Connection, chosen: Sequence[Collection], asked: Asked) -> SearchResult:
        """Find the passages that answer best, in the snapshot that the connection sees."""
        cut = asked.query[:MAX_QUERY_CHARACTERS]
        mode = asked.mode
        stale = [reason for reason in map(self.stale, chosen) if reason]
        embedding = QueryEmbedding() if mode == "keyword" else self.embed(cut, asked.instruction, chosen, mode)
        question = Question(cut, embedding.vector, mode, asked.wanted, asked.diversity)
        found = self._found_or_by_words(
            connection, chosen, question, max(1, asked.top_k), bool(stale or embedding.notes)
        )
        served = [known.serving.id for known in chosen if known.serving]
        hits = freshness.marked(connection, served, found.hits(asked.explain))
        changed = freshness.notes(hits)
        shortened = len(cut) < len(asked.query) or (mode != "vector" and parse(cut).truncated)
        return SearchResult(
            query=cut,
            hits=hits,
            collections_searched=[known.name for known in chosen],
            stale=bool(stale or changed),
            truncated_query=embedding.truncated or shortened,
            notes=[*stale, *changed, *embedding.notes, *found.notes],
            explained=found.retrieval.trace.as_dict() if asked.explain else {},
            inspected=found.inspected(asked.expect) if asked.expect is not None else {},
        )

    def embed(self, query: str, instruction: str, chosen: Sequence[Collection], mode: Mode) -> QueryEmbedding:
        """Embed the query, or say why it is searched by words only."""
        served = [collection.serving for collection in chosen if collection.serving]
        try:
            if not any(staleness.comparable(self.engine, generation) for generation in served):
                if served and mode == "vector":
                    raise IdentityMismatch(str(self.stale(next(c for c in chosen if c.serving))))
                return QueryEmbedding()
            embeddings = self.engine.embed([query], instruction, role="query", priority=Priority.SEARCH)
        except staleness.NO_MODEL as error:
            if mode == "vector":
                raise
            return QueryEmbedding(notes=(f"searched by words only: {error.message}",))
        return QueryEmbedding(embeddings.vectors[0], bool(embeddings.truncated[0]))

    def _found_or_by_words(
        self, connection: sqlite3.Connection, chosen: Sequence[Collection], question: Question, top_k: int, stale: bool
    ) -> Findings:
        """Search, by words only where the server of the vectors is away and the mode allows it."""
        try:
            return self._found(connection, chosen, question, top_k, stale)
        except VectorsUnavailable as error:
            if question.mode == "vector":
                raise
            found = self._found(connection, chosen, replace(question, vector=None), top_k, True)
            found.notes.append(f"searched by words only: {error.message}")
            return found

    def _found(
        self, connection: sqlite3.Connection, chosen: Sequence[Collection], question: Question, top_k: int, stale: bool
    ) -> Findings:
        sources, notes = self.sources(connection, chosen, by_meaning=question.vector is not None)
        retrieval = Retrieval(connection, sources, question, self.held)
        selected = retrieval.best(top_k).hits
        idle, said = idle_filters.notes(connection, retrieval.wanted), retrieval.notes()
        names = [collection.name for collection in chosen]
        if not selected:
            generations = [source.view.generation.id for source in sources]
            empty = not any(chunk_store.counts(connection, generation)[1] for generation in generations)
            notes.append(empty_results.no_hits(names, empty, question.wanted.conditions, stale or bool(notes)))
        if not selected or retrieval.fits_nothing:
            said += empty_results.elsewhere(names, [known.name for known in collections(connection)])
        served = {source.view.generation.id: source.view.collection.name for source in sources}
        return Findings(connection, served, retrieval, question, selected, [*idle, *notes, *said])

    def sources(
        self, connection: sqlite3.Connection, chosen: Sequence[Collection], *, by_meaning: bool
    ) -> tuple[list[Source], list[str]]:
        """Return the collections that have passages, with a searcher where their vectors are comparable; and notes."""
        sources, notes = [], []
        for collection in chosen:
            if collection.serving is None:
                continue
            view = View(connection, collection, collection.serving)
            searcher = None
            if by_meaning and staleness.comparable(self.engine, collection.serving):
                searcher, said = self.vectors.open(view)
                notes += said
            sources.append(Source(view, searcher))
        return sources, notes
