"""An even sample of a collection's passages with their vectors, to look at the collection as a whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_instructor.documents.document import Location
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import chunk_store, collections, stored_vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from openclaw_instructor.index.store import Store


@dataclass(frozen=True)
class Sample:
    """Passages of a collection: `vectors` (n, dimension), and of each its file, its place there, and its text.

    `texts` are as the model read them, "" where they were not asked for. `total` is how many the collection has.
    """

    collection: str
    instruction: str
    vectors: NDArray[np.float32]
    files: list[str]
    places: list[str]
    texts: list[str]
    total: int


def sample(store: Store, name: str, most: int, *, with_texts: bool) -> Sample:
    """Draw at most `most` passages evenly, in the order in which they were stored.

    Raises UnknownCollection, and InvalidArguments for a collection that was never read.
    """
    import numpy as np

    with store.read() as connection:
        found = collections.named(collections.collections(connection), name)
        if len(found) != 1 or found[0].serving is None:
            raise InvalidArguments(f"collection {name[:64]!r}: name one that has been read; sync it first if it is new")
        known, serving = found[0], found[0].serving
        ids = stored_vectors.chunk_ids(connection, serving.id)
        chosen = ids[np.linspace(0, len(ids) - 1, min(most, len(ids))).astype(int)] if len(ids) else ids
        vectors = np.zeros((len(chosen), serving.dimension), np.float32)
        held = np.zeros(len(chosen), bool)
        for numbers, some in stored_vectors.batches(connection, chosen, serving.dimension):
            rows_of = np.searchsorted(chosen, numbers)
            vectors[rows_of], held[rows_of] = some, True
        text = chunk_store.EMBEDDED if with_texts else "''"
        rows = connection.execute(
            f"SELECT chunks.id, path, first_line, last_line, locations, {text} AS embedded FROM chunks "  # noqa: S608
            "JOIN documents ON documents.id = chunks.document_id "
            "WHERE chunks.id IN (SELECT value FROM json_each(?)) ORDER BY chunks.id",
            (json.dumps(chosen.tolist()),),
        ).fetchall()
    rows = [row for row, has in zip(rows, held.tolist(), strict=True) if has]
    return Sample(
        known.name,
        known.instruction,
        vectors[held],
        [row["path"] for row in rows],
        [_place(row["locations"], row["first_line"], row["last_line"]) for row in rows],
        [row["embedded"].strip() for row in rows],
        len(ids),
    )


def _place(locations: str, first: int, last: int) -> str:
    if locations == "[]":
        return str(Location("lines", first, last))
    placed = [Location(**place) for start, end, place in json.loads(locations) if start <= last and end >= first]
    return str(Location.around(placed) if placed else Location("lines", first, last))
