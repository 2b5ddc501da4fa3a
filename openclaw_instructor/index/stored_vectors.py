"""Read the vectors of a generation as they are stored.

They are little-endian float16: half the size of float32, with a rounding error that changes a cosine by less than
0.001. Every vector engine is built from these, so a rebuilt one ranks exactly as the one before.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def by_digest(connection: sqlite3.Connection, digests: Iterable[str]) -> dict[str, bytes]:
    """Map digests to stored vectors; a digest covers a text and everything that it was embedded with."""
    rows = connection.execute(
        "SELECT chunks.digest, vectors.vector FROM chunks JOIN vectors ON vectors.chunk_id = chunks.id "
        "WHERE chunks.digest IN (SELECT value FROM json_each(?))",
        (json.dumps(list(digests)),),
    )
    return {row["digest"]: row["vector"] for row in rows}


def chunk_ids(connection: sqlite3.Connection, generation_id: int) -> npt.NDArray[np.int64]:
    """List the ids of all chunks of the generation, ascending."""
    import numpy as np

    # One text of all ids is read four times as fast as a row for each.
    (listed,) = connection.execute(
        "SELECT group_concat(chunks.id) FROM documents JOIN chunks ON chunks.document_id = documents.id "
        "WHERE documents.generation_id = ?",
        (generation_id,),
    ).fetchone()
    return np.sort(np.fromstring(listed or "", dtype=np.int64, sep=","))


def chunk_ids_above(connection: sqlite3.Connection, generation_id: int, lowest: int) -> npt.NDArray[np.int64]:
    """List the ids of the chunks of the generation that are greater than this one, ascending.

    Ids grow, so these are the chunks that were published after it.
    """
    import numpy as np

    rows = connection.execute(
        "SELECT chunks.id FROM chunks JOIN documents ON documents.id = chunks.document_id "
        "WHERE chunks.id > ? AND documents.generation_id = ? ORDER BY chunks.id",
        (lowest, generation_id),
    )
    return np.fromiter((row["id"] for row in rows), dtype=np.int64)


def batches(
    connection: sqlite3.Connection, ids: npt.NDArray[np.int64], dimension: int, batch: int = 4_096
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Yield batches of (ids (n,), float32 vectors (n, dimension)); skip ids without a vector of this dimension."""
    import numpy as np

    for start in range(0, len(ids), batch):
        rows = connection.execute(
            "SELECT chunk_id, vector FROM vectors WHERE chunk_id IN (SELECT value FROM json_each(?)) "
            "AND length(vector) = ?",
            (json.dumps(ids[start : start + batch].tolist()), 2 * dimension),
        ).fetchall()
        found = np.array([row["chunk_id"] for row in rows], dtype=np.int64)
        flat = np.frombuffer(b"".join(row["vector"] for row in rows), dtype="<f2")
        yield found, flat.reshape(len(rows), dimension).astype(np.float32)


def as_blob(vector: npt.NDArray[np.float32]) -> bytes:
    """Encode a vector (dimension,) as it is stored."""
    return vector.astype("<f2").tobytes()
