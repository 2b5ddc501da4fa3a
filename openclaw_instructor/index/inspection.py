"""At which stage of a search an expected file was lost.

The stages are those that a file goes through: indexed, readable, not empty, within the filters, a candidate, a hit.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from openclaw_instructor.index import absence, file_states, filters
from openclaw_instructor.index.path_filter import PathFilter

if TYPE_CHECKING:
    from openclaw_instructor.index.collections import Collection, Root
    from openclaw_instructor.index.explanation import Trace
    from openclaw_instructor.index.file_states import FileState
    from openclaw_instructor.index.filters import Filter
    from openclaw_instructor.index.search import Retrieval
    from openclaw_instructor.index.selection import Chosen
    from openclaw_instructor.index.store import Store

Stage: TypeAlias = Literal[
    "found", "left out", "not a candidate", "filtered", "empty", "unreadable", "not indexed", "no such file"
]


def stage(
    connection: sqlite3.Connection, served: Mapping[int, str], retrieval: Retrieval, hits: Sequence[Chosen], expect: str
) -> dict[str, Any]:
    """Say where a file was lost, in the snapshot that answered; `served` maps the generations to their collections.

    The result has `stage`, `reason`, `file`, `collection`, and, of its best passage, `location`, `rank` (that of the
    hit) and `explain`. Raises InvalidArguments for an `expect` that names nothing.
    """
    rows = _stored(connection, served, expect)
    known = {row["id"]: row for row in rows}
    lost = _before_search(connection, rows, retrieval.wanted)
    if lost is not None:
        first = rows[0] if rows else None
        where = {"file": first["path"], "collection": served[first["generation_id"]]} if first else {"file": expect}
        return where | lost
    for rank, chosen in enumerate(hits, 1):
        if chosen.passage.document_id in known:
            return _of(retrieval.trace, chosen.passage.id, served) | {"stage": "found", "rank": rank, "reason": ""}
    return _lost_in_ranking(retrieval, known, served)


def completed(inspected: Mapping[str, Any], expect: str, store: Store, chosen: Sequence[Collection]) -> dict[str, Any]:
    """Complete what a search of these collections found of a file by what is known of it outside of the index."""
    found = dict(inspected) or {"file": expect, "stage": "not indexed", "reason": ""}
    if found["stage"] == "not indexed":
        wanted = PathFilter(expect)
        states = [state for known in chosen for state in file_states.of(store, known, wanted)]
        found |= _on_disk(states, [root for known in chosen for root in known.roots], expect)
    return {"expect": expect, "found": found["stage"] == "found", **found}


def _on_disk(states: Sequence[FileState], roots: Sequence[Root], expect: str) -> dict[str, Any]:
    """Say why a file is not indexed; `states` are those of the files that it may be, `roots` those of the search."""
    for state in states:
        if state.state in ("new", "left out"):
            reasons = {"new": "no sync has seen it yet; run `openclaw-instructor index sync`"}
            found: dict[str, Any] = {"file": state.file, "collection": state.collection, "stage": "not indexed"}
            return found | {"reason": reasons.get(state.state, state.reason)}
    if (there := absence.reason(roots, expect)) is not None:
        return {"file": there[0], "stage": "not indexed", "reason": there[1]}
    reason = f"no file {expect} lies in the folders of these collections; check the name, or add its folder"
    return {"file": expect, "stage": "not indexed", "reason": reason}


def _stored(connection: sqlite3.Connection, served: Mapping[int, str], expect: str) -> list[sqlite3.Row]:
    rows = connection.execute(
        "SELECT documents.id, generation_id, path, place, reason, count(chunks.id) AS passages FROM documents "
        "LEFT JOIN chunks ON chunks.document_id = documents.id "
        "WHERE generation_id IN (SELECT value FROM json_each(?)) GROUP BY documents.id ORDER BY path",
        (json.dumps(list(served)),),
    ).fetchall()
    return PathFilter(expect, "expect").chosen(rows)


def _before_search(
    connection: sqlite3.Connection, rows: Sequence[sqlite3.Row], wanted: Filter
) -> dict[str, Any] | None:
    """Say at which stage before the ranking all of the documents were lost; None if one got through."""
    if not rows:
        return {"stage": "not indexed", "reason": ""}
    readable = [row for row in rows if not row["reason"]]
    if not readable:
        return {"stage": "unreadable", "reason": rows[0]["reason"]}
    with_text = {row["id"] for row in readable if row["passages"]}
    if not with_text:
        return {"stage": "empty", "reason": "it was read, and holds no text"}
    passing = filters.document_ids(connection, wanted)
    if passing is None or with_text & set(passing):
        return None
    apart = {name: filters.document_ids(connection, wanted.only(name)) or () for name in wanted.conditions}
    to_blame = [name for name, ids in apart.items() if not with_text.intersection(ids)]
    names = " and ".join(f"`{name}`" for name in to_blame or wanted.conditions)
    return {"stage": "filtered", "reason": f"{names} {'leaves' if len(to_blame) == 1 else 'leave'} it out"}


def _lost_in_ranking(retrieval: Retrieval, known: Mapping[int, Any], served: Mapping[int, str]) -> dict[str, Any]:
    """Say why none of the documents' passages became a hit, looking further down than the search did."""
    trace = retrieval.trace
    key = _best(trace, known)
    if key is not None:
        reason = trace.left_out.get(key, "others rank higher")
        return _of(trace, key, served) | {"stage": "left out", "reason": reason}
    shown = len(trace.ranking)
    trace = retrieval.further()
    key = _best(trace, known)
    if key is not None:
        reason = f"{shown:,} passages were looked at, and its best one ranks lower"
        return _of(trace, key, served) | {"stage": "not a candidate", "reason": reason}
    row = next(iter(known.values()))
    reason = "no word of the query is in it, a quotation or `-word` leaves it out, or very many passages are nearer"
    where = {"file": row["path"], "collection": served[row["generation_id"]]}
    return where | {"stage": "not a candidate", "reason": reason}


def _best(trace: Trace, known: Mapping[int, Any]) -> int | None:
    keys = (key for key, _ in trace.ranking if key in trace.found and trace.found[key].document_id in known)
    return next(keys, None)


def _of(trace: Trace, key: int, served: Mapping[int, str]) -> dict[str, Any]:
    passage = trace.found[key]
    return {
        "file": passage.path,
        "collection": served[passage.generation_id],
        "location": str(passage.location(passage.first_line, passage.last_line)),
        "explain": trace.of(key),
    }
