"""Define the results of the index: reports of a sync, states of collections, hits of a search."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from openclaw_instructor.documents.document import Location
from openclaw_instructor.reports.markup import text
from openclaw_instructor.reports.notebook import table

_MAX_ECHO_CHARACTERS = 500


@dataclass
class CollectionReport:
    """What a sync did to one collection.

    Counts are documents; `chunks` is how many there are afterwards, `embedded` how many texts the model had to read,
    `truncated` how many of those it could not read to the end.
    """

    collection: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    chunks: int = 0
    embedded: int = 0
    truncated: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON."""
        skipped = [{"file": path, "reason": reason} for path, reason in self.skipped]
        return asdict(self) | {"skipped": skipped, "seconds": round(self.seconds, 3)}


@dataclass
class SyncReport:
    """One CollectionReport for each collection that was synced."""

    collections: list[CollectionReport] = field(default_factory=list)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def _repr_html_(self) -> str:
        """Show the report in a notebook."""
        columns = ("collection", "added", "changed", "removed", "unchanged", "chunks", "embedded", "skipped", "error")
        rows = [
            [len(each.skipped) if name == "skipped" else getattr(each, name) for name in columns]
            for each in self.collections
        ]
        return table(f"Sync in {self.seconds:.1f} s", columns, rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "collections": [report.as_dict() for report in self.collections],
            "seconds": round(self.seconds, 3),
            "notes": self.notes,
        }


@dataclass(frozen=True)
class CollectionStatus:
    """The state of one collection. `stale` says that a sync would change what is found, `reason` why.

    `store` says where its vectors are, and how many of them, if not in home.
    """

    name: str
    folders: list[str]
    documents: int
    chunks: int
    files: int | None
    skipped: int | None
    other_types: int | None
    changed: int | None
    instruction: str
    checkpoint: str | None
    synced_at: str | None
    stale: bool
    reason: str | None
    watched: str | None = None
    store: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the state as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Hit:
    """A passage found: `snippet` is what stands at `location` of `file`, or begins there.

    `context` belongs to the passage without standing in it, such as the column names of a table. `metadata` is what the
    document says about itself. `also_in` names other places of the same text. `file_state`
    is `changed` or `vanished` where the file is no longer what was indexed. `explain` is only there when it was asked
    for: rank and score by meaning, by words and fused.
    """

    file: str
    location: Location
    title: str
    heading: str
    score: float
    snippet: str
    collection: str
    modified: str
    context: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    also_in: tuple[str, ...] = ()
    file_state: str = ""
    explain: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self, rank: int) -> dict[str, Any]:
        """Return the hit as JSON.

        `location` is in words; its numbers are also under the name of their unit, such as `lines` or `page`.
        """
        place = self.location
        span = f"{place.first}-{place.last}" if place.unit == "lines" else place.span
        optional = {
            "file_state": self.file_state,
            "context": self.context,
            "metadata": dict(self.metadata),
            "also_in": list(self.also_in),
            "explain": dict(self.explain),
        }
        return {
            "rank": rank,
            "file": self.file,
            place.unit: span,
            "location": str(place),
            "title": self.title,
            "heading": self.heading,
            "score": round(self.score, 4),
            "snippet": self.snippet,
            **{name: value for name, value in optional.items() if value},
            "collection": self.collection,
            "modified": self.modified,
        }


@dataclass(frozen=True)
class SearchResult:
    """Hits, best first. Scores compare hits of one result: cosine in vector mode, else a share of the best possible."""

    query: str
    hits: list[Hit]
    collections_searched: list[str]
    stale: bool = False
    truncated_query: bool = False
    notes: list[str] = field(default_factory=list)
    explained: Mapping[str, Any] = field(default_factory=dict)
    inspected: Mapping[str, Any] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """Show the hits in a notebook."""
        rows = [
            (f"{hit.score:.3f}", hit.file, hit.location, hit.heading, hit.snippet, hit.file_state) for hit in self.hits
        ]
        notes = "".join(f"<p>{text(note)}</p>" for note in self.notes)
        columns = ("score", "file", "location", "heading", "snippet", "state")
        return table(f"{len(rows)} hits for {self.query}", columns, rows) + notes

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON, whole; a surface shortens it to what its hosts accept."""
        hits = [hit.as_dict(rank) for rank, hit in enumerate(self.hits, start=1)]
        return {
            "query": textwrap.shorten(self.query, _MAX_ECHO_CHARACTERS, placeholder=" …"),
            "hits": hits,
            "count": len(hits),
            "collections_searched": self.collections_searched,
            "stale": self.stale,
            "truncated_query": self.truncated_query,
            "notes": list(self.notes),
            **({"explained": dict(self.explained)} if self.explained else {}),
        }
