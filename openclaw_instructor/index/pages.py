"""The report of `index add`, `index sync` and `index status`: what collections hold, and what they do not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from openclaw_instructor.documents.formats import format_of
from openclaw_instructor.index.contents import MOST_READ
from openclaw_instructor.index.file_states import STATES
from openclaw_instructor.language import language
from openclaw_instructor.reports.page import Bar, Bars, Page, Part, Section, Table, cut, now

if TYPE_CHECKING:
    from openclaw_instructor.index.contents import Content, Contents

_NUMBERS = frozenset(("added", "changed", "removed", "unchanged", "passages", "embedded", "skipped", "files", "size",
                      "texts"))  # fmt: skip
_DAY = 86_400.0
_AGES = {"today": 1.0, "within a week": 7.0, "within a month": 31.0, "within a year": 366.0}
_OLDER = "longer ago"
_MOST_SKIPPED, _MOST_LARGE = 500, 15
_REASONS = {
    "empty": "read, and holds no text",
    "gone": "deleted since the last sync",
    "new": "no sync has seen it yet",
    "changed": "changed since the last sync",
}
_NOT_INDEXED = ("unreadable", "left out", "gone", "new", "changed", "empty")


def index_page(
    states: Sequence[Mapping[str, Any]], contents: Contents, home: str, synced: Mapping[str, Any] | None = None
) -> Page:
    """Return the report; `states` are those of `index status`, `synced` the report of a sync that has just run."""
    documents, passages = (sum(state[key] for state in states) for key in ("documents", "chunks"))
    files = [each for content in contents.collections for each in content.files]
    skipped = sum(each.state in ("unreadable", "left out") for each in files)
    stale = [state["name"] for state in states if state["stale"]]
    summary = f"{documents:,} files with {passages:,} passages are indexed, {skipped:,} are skipped; " + (
        f"a sync is due for {', '.join(stale)}" if stale else "all is up to date" if states else "no collections yet"
    )
    facts = {
        "home": home,
        "collections": ", ".join(state["name"] for state in states) or "none",
        "checkpoint": ", ".join(dict.fromkeys(state["checkpoint"] or "not synced yet" for state in states)),
        "size of the index": size(contents.size),
        "date": now(),
    }
    sections = [Section("The sync", [_synced(synced)])] if synced and synced["collections"] else []
    known = {content.collection: content for content in contents.collections}
    sections += [Section(state["name"], [*_collection(state, known[state["name"]])])
                 for state in states if state["name"] in known]  # fmt: skip
    return Page("What is indexed", summary, facts, sections, [*_notes(synced)])


def size(count: int) -> str:
    """Write a number of bytes as people read it."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:,.1f} {unit}"
    return f"{count} bytes"


def _synced(synced: Mapping[str, Any]) -> Table:
    keys = ("added", "changed", "removed", "unchanged", "chunks", "embedded")
    rows = [[each["collection"], *(f"{each[key]:,}" for key in keys), len(each["skipped"]), f"{each['seconds']:.1f} s"]
            for each in synced["collections"]]  # fmt: skip
    columns = ["collection", *("passages" if key == "chunks" else key for key in keys), "skipped", "time"]
    return Table("What the sync did", columns, rows, _NUMBERS)


def _notes(synced: Mapping[str, Any] | None) -> Iterator[str]:
    for report in synced["collections"] if synced else ():
        if report["error"]:
            yield f"{report['collection']}: error: {report['error']}"
        yield from (f"{report['collection']}: {note}" for note in report["notes"])
    yield from synced["notes"] if synced else ()


def _collection(state: Mapping[str, Any], content: Content) -> Iterator[Part]:
    bytes_read = sum(known.size for known in content.documents)
    rows = [
        ["folders", "; ".join(state["folders"])],
        ["state", state["reason"] or "up to date"],
        ["synced", state["synced_at"] or "never"],
        ["watched", state["watched"] or "no"],
        ["instruction", state["instruction"].strip()],
        ["files", f"{state['documents']:,} indexed, {size(bytes_read)}"],
        ["files of other types", "" if state["other_types"] is None else f"{state['other_types']:,}"],
    ]
    yield Table("State", ["field", "value"], rows)
    if content.files:
        found = Counter(each.state for each in content.files)
        yield _counted("Files by state", "state", {name: found[name] for name in STATES if found[name]})
    if content.documents:
        yield _formats(content)
        some = f" of {MOST_READ:,} of the files" if len(content.texts) == MOST_READ else ""
        yield _counted(f"Languages{some}", "language", _languages(content.texts))
        yield _counted("When files were last changed", "when", _ages(known.modified for known in content.documents))
    yield from _skipped(content)
    yield from _largest(content)


def _counted(title: str, each: str, counts: Mapping[str, int]) -> Bars:
    said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    groups = {name: [Bar("files", count)] for name, count in counts.items()}
    numbers = Table(title, [each, "files"], [[name, f"{count:,}"] for name, count in counts.items()], _NUMBERS)
    return Bars(title, f"{said}.", groups, max(counts.values(), default=1), "{:,.0f}", numbers)


def _formats(content: Content) -> Table:
    files: Counter[str] = Counter()
    passages: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for known in content.documents:
        found = format_of(PurePath(known.path))
        name = found.name if found else "read as text, on request"
        files[name] += 1
        passages[name] += known.passages
        sizes[name] += known.size
    rows = [[name, f"{count:,}", f"{passages[name]:,}", size(sizes[name])] for name, count in files.most_common()]
    return Table("Formats", ["format", "files", "passages", "size"], rows, _NUMBERS)


def _languages(texts: Sequence[str]) -> dict[str, int]:
    found = Counter(language(text) or "not told (code, lists)" for text in texts)
    return dict(found.most_common())


def _ages(times: Iterable[float]) -> dict[str, int]:
    moment = time.time()
    found = Counter(
        next((name for name, days in _AGES.items() if moment - modified < days * _DAY), _OLDER) for modified in times
    )
    return {name: found[name] for name in (*_AGES, _OLDER) if found[name]}


def _skipped(content: Content) -> Iterator[Table]:
    rows = [
        [each.file, each.state, each.reason or _REASONS.get(each.state, "")]
        for each in content.files
        if each.state in _NOT_INDEXED
    ]
    rows.sort(key=lambda row: (_NOT_INDEXED.index(row[1]), row[0]))
    if rows:
        yield cut(Table("Files that are not indexed as they are", ["file", "state", "reason"], rows), _MOST_SKIPPED)
    partly = [[each.file, each.reason] for each in content.files if each.state == "indexed" and each.reason]
    if partly:
        yield cut(Table("What could not be read of indexed files", ["file", "reason"], partly), _MOST_SKIPPED)


def _largest(content: Content) -> Iterator[Table]:
    largest = sorted(content.documents, key=lambda known: -known.size)
    rows = [[known.place, f"{known.passages:,}", size(known.size)] for known in largest]
    if rows:
        yield cut(Table("The largest files", ["file", "passages", "size"], rows, _NUMBERS), _MOST_LARGE)
