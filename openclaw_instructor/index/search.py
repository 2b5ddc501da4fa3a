"""Retrieve passages: candidates by vectors and by full text, fused, deduplicated, and cut to the lines that match."""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal, TypeAlias

from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import chunk_store, diversity, filters, fulltext, fusion, large_table, mailboxes
from openclaw_instructor.index.explanation import Trace
from openclaw_instructor.index.fulltext import Lookup
from openclaw_instructor.index.fusion import Spread
from openclaw_instructor.index.postings import Postings
from openclaw_instructor.index.query import parse
from openclaw_instructor.index.results import Hit
from openclaw_instructor.index.selection import Chosen, Selection
from openclaw_instructor.index.snippets import MAX_CHARACTERS, snippet
from openclaw_instructor.index.vectors.sample import Samples
from openclaw_instructor.text import clean

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.index.chunk_store import Passage
    from openclaw_instructor.index.filters import Filter
    from openclaw_instructor.index.fulltext import Match
    from openclaw_instructor.index.vectors.protocol import Matrix, Searcher, View

Mode: TypeAlias = Literal["hybrid", "vector", "keyword"]
MODES: tuple[Mode, ...] = ("hybrid", "vector", "keyword")

# By vectors and by full text each; more than is asked for, because duplicates are dropped. Where that leaves too few,
# more are fetched.
CANDIDATES = 100
_CANDIDATES_PER_HIT = 3
_WIDER = 4
_MOST_CANDIDATES = 20_000
# All snippets of a result together, so that many hits are short ones rather than few.
SNIPPETS_CHARACTERS = 12_000
_LEAST_SNIPPET = 120
_HIT_OVERHEAD = 450
_SHOWN_METADATA = ("author", "date", "from", "to", "subject", "tags")
_MAX_METADATA_CHARACTERS = 200


@dataclass(frozen=True)
class Source:
    """A collection to search; `searcher` is None where only full text is searched."""

    view: View
    searcher: Searcher | None


@dataclass(frozen=True)
class Question:
    """A query with its embedding; `vector` (dimension,) is None where only full text is searched."""

    text: str
    vector: Matrix | None
    mode: Mode
    wanted: Filter
    diversity: float = 0.0


@dataclass(frozen=True)
class Held:
    """What searches hold in memory, to be faster than the first one: derived from the store, and caught up with it."""

    samples: Samples = field(default_factory=Samples)
    postings: Postings = field(default_factory=Postings)


@dataclass(frozen=True)
class QueryEmbedding:
    """The query's `vector` (dimension,), or None where it is searched by words only, with the reason in `notes`."""

    vector: Matrix | None = None
    truncated: bool = False
    notes: tuple[str, ...] = ()


def checked_query(query: str, mode: str) -> str:
    """Return the query without characters that cannot be encoded. Raises InvalidArguments."""
    query = clean(query)
    if not query.strip():
        raise InvalidArguments("query is empty; say what to look for")
    if mode not in MODES:
        raise InvalidArguments(f"mode {mode!r}: use one of {', '.join(MODES)}")
    return query


class Retrieval:
    """The ranking of passages for one question, in one snapshot of the store."""

    def __init__(
        self, connection: sqlite3.Connection, sources: Sequence[Source], question: Question, held: Held
    ) -> None:
        self._connection = connection
        self._sources = sources
        self._question = question
        self._samples, self._postings = held.samples, held.postings
        self._generations = [source.view.generation.id for source in sources]
        self._wanted = question.wanted.of(self._generations)
        self._fit: float | None = None
        self._sides: tuple[fusion.Ranking, Sequence[Match]] = ((), ())
        self.trace = Trace()

    def best(self, top_k: int) -> Selection:
        """Choose the best `top_k` passages, from a ranking that is long enough for them."""
        limit = max(CANDIDATES, _CANDIDATES_PER_HIT * top_k)
        while True:
            ranking = self.candidates(limit)
            found = chunk_store.fetch(self._connection, [key for key, _ in ranking])
            varied = diversity.varied(self._connection, ranking, self._question.diversity, top_k)
            selection = Selection(varied, found, top_k, self.lookup.alone, keep_order=self._question.diversity > 0)
            self.trace = self._traced(ranking, found, selection.left_out)
            exhausted = len(ranking) < limit or limit >= _MOST_CANDIDATES
            if selection.settled or exhausted or len(selection.documents) == self._document_count:
                return selection
            limit *= _WIDER

    def further(self) -> Trace:
        """Trace the ranking as far down as a search ever looks."""
        ranking = self.candidates(_MOST_CANDIDATES)
        return self._traced(ranking, chunk_store.fetch(self._connection, [key for key, _ in ranking]), {})

    def _traced(self, ranking: fusion.Ranking, found: Mapping[int, Passage], left_out: Mapping[int, str]) -> Trace:
        dense, matches = self._sides
        scores = ((match.key, match.score * (match.covered if dense else 1.0)) for match in matches)
        words = sorted(scores, key=lambda item: -item[1])
        if self._question.mode == "vector" or not words:
            weight = 1.0 if dense else 0.0
        else:
            weight = fusion.meaning_share(dense, words, self._spread)
        return Trace(dense, words, ranking, weight, found, left_out)

    @property
    def wanted(self) -> Filter:
        """The filter, on the generations that are searched."""
        return self._wanted

    def candidates(self, limit: int) -> list[tuple[int, float]]:
        """Return (chunk id, score) over all sources, best first; up to `limit` by vectors and as many by full text."""
        dense = self._nearest(limit, self._narrowed)
        self._sides = (dense, ())
        if self._question.mode == "vector":
            self._fit = fusion.fit(dense, (), self._spread) if dense else None
            return dense
        matches = self._matches(limit)
        near = {key for key, _ in dense}
        far = [match.key for match in matches if match.key not in near]
        dense += self._nearest(len(far), self._wanted.among(far)) if far and dense else []
        self._sides = (sorted(dense, key=lambda item: -item[1]), matches)
        self._fit = fusion.fit(dense, matches, self._spread) if dense or matches else None
        return fusion.fused(dense, matches, self._spread, self.lookup.first, self.lookup.alone)

    def notes(self) -> list[str]:
        """Say how quotations and exclusions were obeyed, and whether what was found fits."""
        said = self.lookup.notes()
        if self.fits_nothing:
            said.append(f"nothing fits: the best passage reaches {self._fit:.2f} of 1; the answer may not be here")
        return said

    @property
    def fits_nothing(self) -> bool:
        """Whether the best passages are so far from the question that there is probably no answer."""
        return self._fit is not None and self._fit < fusion.NOTHING_FITS

    def _matches(self, limit: int) -> Sequence[Match]:
        """Rank by words: all passages, or of very many the best by a sum that takes less time."""
        if self.lookup.table.count() > large_table.MANY:
            return large_table.matches(self.lookup, self._postings, limit)
        return self.lookup.matches(limit)

    @cached_property
    def lookup(self) -> Lookup:
        """What full text finds of the question."""
        table = fulltext.Table(self._connection, "passages", *filters.condition(self._connection, self._wanted))
        return Lookup.of(table, parse(self._question.text))

    @cached_property
    def _narrowed(self) -> Filter:
        """The passages with every quotation of the question and nothing that it excludes."""
        lookup = self.lookup
        if not lookup.narrows:
            return self._wanted
        if lookup.required:
            return self._wanted.among(lookup.table.rows(lookup.narrowed()))
        unwanted = {key for each in lookup.excluded for key in lookup.table.rows(each.expression)}
        return filters.without(self._connection, self._wanted, unwanted)

    @cached_property
    def _document_count(self) -> int:
        """Documents that may answer."""
        if self._documents is not None:
            return len(self._documents)
        return chunk_store.documents_with_text(self._connection, self._generations)

    @cached_property
    def _documents(self) -> list[int] | None:
        return filters.document_ids(self._connection, self._wanted)

    def _nearest(self, limit: int, wanted: Filter) -> list[tuple[int, float]]:
        vector = self._question.vector
        if vector is None:
            return []
        searchers = [source.searcher for source in self._sources if source.searcher]
        found = [hit for searcher in searchers for hit in searcher.search(vector, limit, wanted)]
        return sorted(found, key=lambda item: (-item[1], item[0]))[:limit]

    @cached_property
    def _spread(self) -> Spread:
        """Average over the sources, without those of a single text, whose scores have no spread."""
        vector = self._question.vector
        # A vector of signs alone says nothing.
        if vector is None or not any(map(str.isalnum, self._question.text)):
            return Spread(1.0)
        found = [self._samples.spread(source.view, vector) for source in self._sources if source.searcher]
        known = [spread for spread in found if spread.deviation]
        if not known:
            return Spread()
        return Spread(
            fmean(spread.mean for spread in known),
            fmean(spread.deviation for spread in known),
            sum(spread.count for spread in known),
        )


def to_hits(
    connection: sqlite3.Connection,
    chosen: Sequence[Chosen],
    query: str,
    names: Mapping[int, str],
    trace: Trace | None = None,
) -> list[Hit]:
    """Make a hit of each passage; `names` maps the id of a generation to its collection, `trace` explains them."""
    asked = parse(query)
    limit = max(_LEAST_SNIPPET, min(MAX_CHARACTERS, SNIPPETS_CHARACTERS // max(1, len(chosen)) - _HIT_OVERHEAD))
    metadata = chunk_store.metadata(connection, {one.passage.document_id for one in chosen})
    result = []
    for one in chosen:
        passage = one.passage
        text, first, last = snippet(passage.text, passage.first_line, asked, limit)
        place, stated = passage.location(first, last), metadata.get(passage.document_id, {})
        moment = datetime.datetime.fromtimestamp(passage.modified, datetime.UTC)
        result.append(
            Hit(
                file=passage.path,
                location=place,
                title=_brief(passage.document_title) or Path(passage.path).name,
                heading=_brief(passage.heading),
                score=one.score,
                snippet=text,
                collection=names[passage.generation_id],
                modified=moment.isoformat(timespec="seconds"),
                context=passage.context,
                metadata=_shown(mailboxes.stated_at(connection, passage.document_id, place, stated)),
                also_in=_also_in(one),
                explain=trace.of(passage.id) if trace else {},
            )
        )
    return result


def _also_in(chosen: Chosen) -> tuple[str, ...]:
    """List where else the text stands, as `file, location`."""
    places = [f"{other.path}, {other.location(other.first_line, other.last_line)}" for other in chosen.elsewhere]
    more = chosen.elsewhere_count - len(places)
    return (*places, f"and {more:,} more places") if more else tuple(places)


def _brief(heading: str) -> str:
    return textwrap.shorten(heading, MAX_HEADING_CHARACTERS, placeholder=" …")


def _shown(metadata: Mapping[str, Sequence[str]]) -> dict[str, str]:
    known = {name: ", ".join(metadata[name]) for name in _SHOWN_METADATA if name in metadata}
    return {name: textwrap.shorten(value, _MAX_METADATA_CHARACTERS, placeholder=" …") for name, value in known.items()}
