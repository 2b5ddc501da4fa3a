"""What is indexed: documents by their paths, folders, and what is known of each file."""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import chunk_store, collections, document_text, filters, mailboxes
from openclaw_instructor.index.filters import Filter
from openclaw_instructor.index.path_filter import CITED

if TYPE_CHECKING:
    from openclaw_instructor.index.store import Store

MAX_FOLDERS = 20


@dataclass(frozen=True)
class IndexedDocument:
    """A file that the index has read; `reason` says why nothing of it could be indexed, "" if it was."""

    id: int
    generation_id: int
    path: str
    place: str
    size: int
    mtime_ns: int
    modified: float
    title: str
    reason: str
    notes: tuple[str, ...]
    passages: int

    def as_dict(self) -> dict[str, Any]:
        """Describe the document for a list of documents."""
        title = {"title": self.title} if self.title and self.title != PurePath(self.path).name else {}
        return {"file": self.path, **title, "passages": self.passages, "modified": day_and_time(self.modified)}


def day_and_time(moment: float) -> str:
    """Write a POSIX time as results do."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="seconds")


def documents(
    connection: sqlite3.Connection, generations: Sequence[int], wanted: Filter | None = None
) -> list[IndexedDocument]:
    """List the documents of these generations that pass the filter, by path.

    Without a filter, the files that could not be read are among them.
    """
    passing = None if wanted is None else filters.document_ids(connection, wanted.of(generations))
    rows = connection.execute(
        "SELECT documents.id, generation_id, path, place, size, mtime_ns, modified, documents.title, reason, notes, "
        "count(chunks.id) AS passages FROM documents LEFT JOIN chunks ON chunks.document_id = documents.id "
        "WHERE generation_id IN (SELECT value FROM json_each(:generations)) "
        "AND (:passing IS NULL OR documents.id IN (SELECT value FROM json_each(:passing))) AND (:all OR reason = '') "
        "GROUP BY documents.id ORDER BY path, generation_id",
        {
            "generations": json.dumps(list(generations)),
            "passing": None if passing is None else json.dumps(passing),
            "all": wanted is None,
        },
    )
    return [IndexedDocument(**{**dict(row), "notes": tuple(json.loads(row["notes"]))}) for row in rows]


def document(connection: sqlite3.Connection, generations: Sequence[int], file: str) -> IndexedDocument:
    """Find the document that `file` names, by its path or the end of its path.

    Raises InvalidArguments when there is none, when it could not be read, and when several files are meant.
    """
    found = documents(connection, generations, Filter.parse(path=file))
    exact = [known for known in found if file in (known.path, known.place)]
    paths = list(dict.fromkeys(known.path for known in exact or found))
    if len(paths) == 1:
        return next(known for known in found if known.path == paths[0])
    if paths:
        shown = "; ".join(paths[:5]) + (f"; and {len(paths) - 5:,} more" if len(paths) > 5 else "")
        raise InvalidArguments(f"file: {file[:100]!r} may be {len(paths):,} files: {shown}; give the whole path of one")
    unread = [known for known in documents(connection, generations) if known.reason and known.path.endswith(file)]
    if unread:
        raise InvalidArguments(f"file: {unread[0].path} is indexed without text: {unread[0].reason}")
    raise InvalidArguments(f"file: {file[:100]!r} is not indexed; name a file as a search or a list printed it")


def folders(found: Sequence[IndexedDocument], roots: Sequence[str]) -> list[dict[str, Any]]:
    """Count the documents by folder: each root, and where there is room the folders in it, largest first."""
    counts: Counter[str] = Counter()
    for known in found:
        root = next((root for root in roots if known.path == root or known.path.startswith(f"{root}/")), "")
        inner = PurePath(known.path).relative_to(root).parts[:-1] if root else PurePath(known.path).parent.parts[:1]
        counts[str(PurePath(root, *inner[:1]))] += 1
    return [{"folder": folder, "documents": count} for folder, count in counts.most_common(MAX_FOLDERS)]


class Catalogue:
    """Lists and reads indexed documents, in one snapshot of the store for each call."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, file: str, location: str, around: int, collection: str, limit: int) -> dict[str, Any]:
        """Return a part of an indexed file, from the index; at most `limit` characters of its text.

        Raises InvalidArguments for a file or place that is not there, and UnknownCollection.
        """
        with self._store.read() as connection:
            served = _served(connection, collection)
            found = document(connection, list(served), file)
            lines = document_text.lines_of(connection, found.id)
            stated = chunk_store.metadata(connection, [found.id]).get(found.id, {})
            if not lines:
                raise InvalidArguments(f"file: {found.path} holds no text")
            part = document_text.part(lines, location or _cited_lines(file, found.path), around, limit)
            told = mailboxes.stated_at(connection, found.id, part.place, stated)
        several = {"part": f"{part.number} of {part.count}", "next": part.following} if part.count > 1 else {}
        optional = {"context": part.context, "metadata": {name: ", ".join(values) for name, values in told.items()}}
        return {
            "file": found.path,
            "title": found.title or PurePath(found.path).name,
            "location": str(part.place),
            "text": part.text,
            **{name: value for name, value in (several | optional).items() if value},
            "of": str(part.whole),
            "collection": served[found.generation_id],
            "modified": day_and_time(found.modified),
            "notes": [*found.notes, *changed_since(found)],
        }

    def passages(self, file: str, collection: str, first: int, limit: int) -> dict[str, Any]:
        """Return the passages of a file as they were cut, at most `limit` of them from the place `first` on.

        Raises InvalidArguments for a file that is not there, and UnknownCollection.
        """
        with self._store.read() as connection:
            served = _served(connection, collection)
            found = document(connection, list(served), file)
            passages = chunk_store.passages_of(connection, found.id)
            stated = chunk_store.metadata(connection, [found.id]).get(found.id, {})
        return {
            "file": found.path,
            "title": found.title or PurePath(found.path).name,
            "collection": served[found.generation_id],
            "modified": day_and_time(found.modified),
            "metadata": {name: ", ".join(values) for name, values in stated.items()},
            "notes": [*found.notes, *changed_since(found)],
            "count": len(passages),
            "passages": [
                {
                    "location": str(passage.location(passage.first_line, passage.last_line)),
                    "heading": passage.heading,
                    "context": passage.context,
                    "text": passage.text,
                }
                for passage in passages[first : first + limit]
            ],
        }

    def listed(self, wanted: Filter, collection: str, limit: int) -> dict[str, Any]:
        """Return the documents that pass, newest first and at most `limit`, how many there are, and their folders.

        Raises UnknownCollection.
        """
        with self._store.read() as connection:
            served = _served(connection, collection)
            roots = [str(root.path) for known in collections.collections(connection) for root in known.roots]
            found = documents(connection, list(served), wanted)
        newest = sorted(found, key=lambda known: -known.modified)[:limit]
        notes = [f"{len(found) - limit:,} more; narrow with `path`, or raise `limit`"] if len(found) > limit else []
        return {
            "documents": [known.as_dict() | {"collection": served[known.generation_id]} for known in newest],
            "count": len(found),
            "folders": folders(found, roots),
            "notes": notes,
        }


def changed_since(found: IndexedDocument) -> list[str]:
    """Say if the file has changed since it was indexed; nothing if it cannot be checked."""
    try:
        status = Path(found.path).stat()
    except FileNotFoundError:
        return ["the file is gone since it was indexed; this is how it was"]
    except OSError:
        return []
    if (status.st_size, status.st_mtime_ns) == (found.size, found.mtime_ns):
        return []
    return ["the file has changed since it was indexed; this is how it was"]


def _served(connection: sqlite3.Connection, asked: str) -> dict[int, str]:
    """Map the generations that answer to their collections' names."""
    chosen = collections.named(collections.collections(connection), asked)
    return {known.serving.id: known.name for known in chosen if known.serving}


def _cited_lines(file: str, path: str) -> str:
    """Return the lines of a file that is cited as `notes.md:12-30`, as a location; "" for a name that ends so."""
    found = CITED.search(file)
    return f"lines {found[0][1:]}" if found and not path.endswith(found[0]) else ""
