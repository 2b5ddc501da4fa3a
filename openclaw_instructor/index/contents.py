"""What collections hold, for a report: their documents, the states of all their files, and what texts begin with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_instructor.index import catalogue, file_states

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.index.catalogue import IndexedDocument
    from openclaw_instructor.index.collections import Collection
    from openclaw_instructor.index.file_states import FileState
    from openclaw_instructor.index.store import Store

# Enough to tell which languages there are, and read within a second.
MOST_READ = 1_000


@dataclass(frozen=True)
class Content:
    """A collection: its documents, those that could not be read included, and the states of all its files.

    `texts` are the longest passages of at most 1,000 of the documents, taken evenly.
    """

    collection: str
    documents: list[IndexedDocument]
    files: list[FileState]
    texts: list[str]


@dataclass(frozen=True)
class Contents:
    """Collections, and how many bytes the whole index takes on the disk."""

    collections: list[Content]
    size: int


def of(store: Store, chosen: Sequence[Collection]) -> Contents:
    """Describe these collections as they are served now; of their files, nothing is read but names and times."""
    return Contents([_content(store, known) for known in chosen], store.size)


def _content(store: Store, collection: Collection) -> Content:
    documents, texts = [], []
    if collection.serving is not None:
        with store.read() as connection:
            documents = catalogue.documents(connection, [collection.serving.id])
            texts = _texts(connection, [known.id for known in documents if known.passages])
    return Content(collection.name, documents, file_states.of(store, collection), texts)


def _texts(connection: sqlite3.Connection, ids: Sequence[int]) -> list[str]:
    chosen = [ids[number * len(ids) // MOST_READ] for number in range(MOST_READ)] if len(ids) > MOST_READ else ids
    rows = connection.execute(
        "SELECT max(length(text)), text FROM chunks WHERE document_id IN (SELECT value FROM json_each(?)) "
        "GROUP BY document_id",
        (json.dumps(list(chosen)),),
    )
    return [row["text"] for row in rows]
