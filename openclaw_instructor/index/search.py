"""Answer a query from one or more collections: gather by meaning and by words, fuse, choose, cut to the match."""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from openclaw_instructor.documents.document import MAX_HEADING_CHARACTERS
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import chunk_store, fulltext, fusion
from openclaw_instructor.index.files import patterns
from openclaw_instructor.index.results import MAX_RESULT_CHARACTERS, Hit
from openclaw_instructor.index.snippets import MAX_CHARACTERS, snippet

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.index.chunk_store import Passage
    from openclaw_instructor.index.collections import Collection, Generation
    from openclaw_instructor.index.vectors.exact import Ids, Matrix

Mode: TypeAlias = Literal["hybrid", "vector", "keyword"]
MODES: tuple[Mode, ...] = ("hybrid", "vector", "keyword")

# From each side; more than is asked for, because some of them are parts of one section or texts twice. Where those
# leave too few, ever more are gathered.
CANDIDATES = 100
_CANDIDATES_PER_HIT = 3
_WIDER = 4
_MOST_CANDIDATES = 20_000
# Hits from one document while others wait; fewer hits than asked for are filled up from those left out.
PER_DOCUMENT = 2
_HIT_OVERHEAD = 450


@dataclass(frozen=True)
class Filters:
    """Which documents may answer: a path pattern, and POSIX times from `after` on and earlier than `before`."""

    path: str | None = None
    after: float | None = None
    before: float | None = None

    @classmethod
    def parse(cls, path: str | None, after: str | None, before: str | None) -> Filters:
        """From arguments: a day is its first moment in local time. Raises InvalidArguments."""
        if path is not None:
            patterns([path], "path")
        return cls(path, _moment("after", after), _moment("before", before))

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.path, self.after, self.before))

    def documents(self, connection: sqlite3.Connection, generation_ids: Sequence[int]) -> list[int]:
        """Ids of the documents that pass."""
        rows = chunk_store.documents_in(connection, generation_ids, self.after, self.before)
        if self.path is None:
            return [row[0] for row in rows]
        # An agent seldom knows where a collection's root is, so a relative pattern may match at any depth.
        absolute = self.path.startswith("/")
        spec = patterns([self.path if absolute else f"**/{self.path}"], "path")
        # A hit's own file, whose name may hold what patterns read as a class of characters, comes back as it is.
        return [
            row[0]
            for row in rows
            if self.path in row[1:] or spec.match_file(row[1].lstrip("/") if absolute else row[2])
        ]


@dataclass(frozen=True)
class Source:
    """A collection to search; `vectors` are None where only words count."""

    collection: Collection
    generation: Generation
    vectors: Near | None


class Near(Protocol):
    """What a search asks of a collection's vectors; the part of `Vectors` that reads."""

    def search(self, query: Matrix, limit: int, allowed: Ids | None = None) -> list[tuple[int, float]]: ...

    def spread(self, query: Matrix) -> float: ...


def find(
    connection: sqlite3.Connection, candidates: Callable[[int], Sequence[tuple[int, float]]], top_k: int
) -> list[tuple[Passage, float]]:
    """The best `top_k` passages with their scores, best first; `candidates(limit)` gathers ever more to choose from."""
    limit = max(CANDIDATES, _CANDIDATES_PER_HIT * top_k)
    while True:
        ranking = candidates(limit)
        chosen = choose(ranking, chunk_store.fetch(connection, [key for key, _ in ranking]), top_k)
        if len(chosen) == top_k or len(ranking) < limit or limit >= _MOST_CANDIDATES:
            return chosen
        limit *= _WIDER


def gather(
    connection: sqlite3.Connection,
    sources: Sequence[Source],
    query: str,
    vector: Matrix | None,
    mode: Mode,
    filters: Filters,
    limit: int,
) -> list[tuple[int, float]]:
    """(chunk id, score) of the best candidates over all sources, best first; up to `limit` from each side."""
    generation_ids = [source.generation.id for source in sources]
    document_ids = filters.documents(connection, generation_ids) if filters else None
    chunk_ids = None if document_ids is None else chunk_store.chunk_ids_of(connection, document_ids)
    dense = _nearest(sources, vector, limit, chunk_ids)
    if mode == "vector":
        return dense
    words = fulltext.ranked(connection, query, generation_ids, limit, document_ids)
    if vector is None or not dense:
        return fusion.of_best(words)
    words = fulltext.evidence(connection, "passages", query, words)
    near = {key for key, _ in dense}
    dense += _among(sources, vector, [key for key, _ in words if key not in near])
    spreads = [spread for source in sources if source.vectors and (spread := source.vectors.spread(vector))]
    # None of those of a single text: nothing spreads there.
    return fusion.hybrid(dense, words, fmean(spreads) if spreads else 0.0)


def choose(ranking: Sequence[tuple[int, float]], found: dict[int, Passage], top_k: int) -> list[tuple[Passage, float]]:
    """The best `top_k` passages: no text twice, no overlapping parts of a section, few from any one document."""
    chosen: list[tuple[Passage, float]] = []
    spare: list[tuple[Passage, float]] = []
    for key, score in ranking:
        passage = found.get(key)
        if passage is None or any(_alike(passage, other) for other, _ in chosen + spare):
            continue
        same = sum(passage.document_id == other.document_id for other, _ in chosen)
        (chosen if same < PER_DOCUMENT else spare).append((passage, score))
        if len(chosen) == top_k:
            return chosen
    return sorted(chosen + spare[: top_k - len(chosen)], key=lambda item: -item[1])


def shown(chosen: Sequence[tuple[Passage, float]], query: str, names: dict[int, str]) -> list[Hit]:
    """What is shown of each: snippets share the room that a result has. `names` is generation id -> collection."""
    words = fulltext.terms(query)
    room = MAX_RESULT_CHARACTERS // max(1, len(chosen)) - _HIT_OVERHEAD
    limit = max(120, min(MAX_CHARACTERS, room))
    result = []
    for passage, score in chosen:
        text, first, last = snippet(passage.text, passage.first_line, words, limit)
        moment = datetime.datetime.fromtimestamp(passage.modified, datetime.UTC)
        result.append(
            Hit(
                file=passage.path,
                first_line=first,
                last_line=last,
                title=_brief(passage.document_title) or Path(passage.path).name,
                heading=_brief(passage.heading),
                score=score,
                snippet=text,
                collection=names[passage.generation_id],
                modified=moment.isoformat(timespec="seconds"),
            )
        )
    return result


def _brief(heading: str) -> str:
    return textwrap.shorten(heading, MAX_HEADING_CHARACTERS, placeholder=" …")


def _nearest(
    sources: Sequence[Source], vector: Matrix | None, limit: int, allowed: Ids | None
) -> list[tuple[int, float]]:
    if vector is None:
        return []
    found = [hit for source in sources if source.vectors for hit in source.vectors.search(vector, limit, allowed)]
    return sorted(found, key=lambda item: -item[1])[:limit]


def _among(sources: Sequence[Source], vector: Matrix, ids: Sequence[int]) -> list[tuple[int, float]]:
    """The vectors' score of each of these chunks."""
    if not ids:
        return []
    import numpy as np

    return _nearest(sources, vector, len(ids), np.array(ids, dtype=np.int64))


def _alike(one: Passage, other: Passage) -> bool:
    if one.text == other.text:
        return True
    if one.first_line == one.last_line == other.first_line == other.last_line:
        # Pieces of one long line do not repeat one another.
        return False
    same_section = one.document_id == other.document_id and one.heading == other.heading
    return same_section and one.first_line <= other.last_line and other.first_line <= one.last_line


def _moment(name: str, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        raise InvalidArguments(f"{name}: {value!r} is no ISO date; write it like 2026-01-31") from None
    try:
        return moment.timestamp()
    except (OverflowError, OSError, ValueError):
        raise InvalidArguments(f"{name}: {value!r} is out of range; use a year from 1970 on") from None
