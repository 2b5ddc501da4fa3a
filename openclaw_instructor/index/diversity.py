"""Trade fit for variety, by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Of each hit that is asked for; what ranks lower is too far off to be worth its variety.
POOL_PER_HIT = 5
LEAST_POOL = 30


def varied(
    connection: sqlite3.Connection, ranking: Sequence[tuple[int, float]], diversity: float, top_k: int
) -> list[tuple[int, float]]:
    """Order the best of a ranking so that each passage fits and differs from those before it; scores stay.

    `diversity` from 0 to 1 is the weight of the difference, a cosine, beside the score as a share of the best one.
    Passages of models whose vectors do not compare stay in their order.
    """
    if not diversity:
        return list(ranking)
    import numpy as np

    pool = list(ranking[: max(LEAST_POOL, POOL_PER_HIT * top_k)])
    vectors = _vectors(connection, [key for key, _ in pool])
    if vectors is None or not pool:
        return list(ranking)
    best = max((score for _, score in pool), default=0.0)
    fit = np.array([score / best if best > 0 else 0.0 for _, score in pool])
    likeness = np.clip(vectors @ vectors.T, 0.0, 1.0)
    order: list[int] = []
    nearest = np.zeros(len(pool))
    left = np.ones(len(pool), dtype=bool)
    while len(order) < len(pool):
        value = np.where(left, (1 - diversity) * fit - diversity * nearest, -np.inf)
        chosen = int(value.argmax())
        order.append(chosen)
        left[chosen] = False
        nearest = np.maximum(nearest, likeness[chosen])
    return [*(pool[index] for index in order), *ranking[len(pool) :]]


def _vectors(connection: sqlite3.Connection, keys: Sequence[int]) -> npt.NDArray[np.float32] | None:
    """Return the vectors of these passages as rows; None unless all have one of the same dimension."""
    import numpy as np

    rows = connection.execute(
        "SELECT chunk_id, vector FROM vectors WHERE chunk_id IN (SELECT value FROM json_each(?))", (json.dumps(keys),)
    )
    found = {row["chunk_id"]: row["vector"] for row in rows}
    if len(found) < len(set(keys)) or len({len(vector) for vector in found.values()}) != 1:
        return None
    flat = np.frombuffer(b"".join(found[key] for key in keys), dtype="<f2")
    return flat.reshape(len(keys), -1).astype(np.float32)
