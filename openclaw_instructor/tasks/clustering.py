"""Spherical k-means on the principal components of vectors, and the number of clusters by their silhouette."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What texts differ in lies in few directions; the others only make all of them equally far apart.
_COMPONENTS = 20
_STARTS, _ROUNDS = 4, 50
# Numbers of clusters that are tried, and rows on which that is done.
_TRIED, _SAMPLE = 14, 2_000


@dataclass(frozen=True)
class Clustering:
    """A cluster from 0 for each row, their number, and the mean silhouette (-1 to 1; 0 of a single cluster)."""

    labels: NDArray[np.int_]
    count: int
    silhouette: float


def components(vectors: NDArray[np.float32], k: int = 0) -> NDArray[np.float64]:
    """Return the principal components (n, at most 20, or k if that is more) of vectors, L2-normalised."""
    centred = vectors - vectors.mean(axis=0)
    values, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    kept = min(max(_COMPONENTS, k), max(1, int((values > 1e-6 * max(values[-1], 1e-12)).sum())))
    projected = centred @ axes[:, ::-1][:, :kept]
    unit: NDArray[np.float64] = projected / np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), 1e-9)
    return unit


def find_clusters(rows: NDArray[np.float64], most: int) -> Clustering:
    """Cluster rows into as many clusters as have the best silhouette, 2 to `most`; fewer than 4 rows are one."""
    largest = min(most, len(rows) // 2)
    if largest < 2:
        return cluster(rows, 1)
    tried = sorted({round(k) for k in np.geomspace(2, largest, _TRIED)})
    sample = rows[:: -(-len(rows) // _SAMPLE)]
    best = max((cluster(sample, k) for k in tried), key=lambda each: each.silhouette)
    return best if len(sample) == len(rows) else cluster(rows, best.count)


def cluster(rows: NDArray[np.float64], k: int) -> Clustering:
    """Cluster unit rows into k clusters, or into as many as there are different rows; the same rows give the same."""
    best: tuple[float, NDArray[np.int_]] | None = None
    for start in range(_STARTS):
        labels, closeness = _k_means(rows, _seeds(rows, k, np.random.default_rng(start)))
        if best is None or closeness > best[0] + 1e-9:
            best = closeness, labels
    assert best is not None
    # By size, the largest first.
    found, places = np.unique(best[1], return_inverse=True)
    order = np.argsort(-np.bincount(places), kind="stable")
    labels = np.argsort(order)[places]
    return Clustering(labels, len(found), _silhouette(rows, labels, len(found)))


def centres(rows: NDArray[np.floating], labels: NDArray[np.int_], count: int) -> NDArray[np.float64]:
    """Return the L2-normalised mean (count, dimension) of each cluster."""
    sums = np.array([rows[labels == label].sum(axis=0, dtype=np.float64) for label in range(count)])
    unit: NDArray[np.float64] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return unit


def plane(rows: NDArray[np.float64], labels: NDArray[np.int_], count: int) -> NDArray[np.float64]:
    """Place rows (n, 2) so that the clusters lie apart: in the plane in which their centres differ most."""
    spread = (
        centres(rows, labels, count) * np.sqrt(np.bincount(labels, minlength=count))[:, None] if count > 2 else rows
    )
    axes = np.linalg.svd(spread - spread.mean(axis=0), full_matrices=False)[2][:2]
    placed = rows @ axes.T
    return np.pad(placed, ((0, 0), (0, 2 - placed.shape[1])))


def _seeds(rows: NDArray[np.float64], k: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Choose rows that are far from one another (k-means++); fewer than k when no others are left."""
    chosen = [int(random.integers(len(rows)))]
    distance = 1 - rows @ rows[chosen[0]]
    while len(chosen) < k:
        weights = np.where(distance > 1e-6, distance, 0)
        if not weights.any():
            break
        chosen.append(int(random.choice(len(rows), p=weights / weights.sum())))
        distance = np.minimum(distance, 1 - rows @ rows[chosen[-1]])
    return rows[chosen]


def _k_means(rows: NDArray[np.float64], middle: NDArray[np.float64]) -> tuple[NDArray[np.int_], float]:
    """Return the cluster of each row, and the mean cosine of rows with their centres."""
    labels = np.full(len(rows), -1)
    for _ in range(_ROUNDS):
        cosines = rows @ middle.T
        fresh = cosines.argmax(axis=1)
        if (fresh == labels).all():
            break
        labels = fresh
        moved = centres(rows, labels, len(middle))
        # A cluster that lost all its rows keeps its centre.
        middle = np.where(np.bincount(labels, minlength=len(middle))[:, None] > 0, moved, middle)
    return labels, float((rows @ middle.T).max(axis=1).mean())


def _silhouette(rows: NDArray[np.float64], labels: NDArray[np.int_], count: int) -> float:
    """Return the mean silhouette by cosine distance, of a sample of the rows; a row alone in its cluster has 0."""
    if count < 2:
        return 0.0
    step = -(-len(rows) // _SAMPLE)
    rows, labels = rows[::step], labels[::step]
    sizes = np.bincount(labels, minlength=count)
    within = np.zeros((len(rows), count))
    # The sum of cosines with the rows of a cluster is the cosine with their sum.
    for label in range(count):
        within[:, label] = rows @ rows[labels == label].sum(axis=0)
    own, size = within[np.arange(len(rows)), labels], sizes[labels]
    inner = 1 - (own - 1) / np.maximum(size - 1, 1)
    distances = np.where(sizes > 0, 1 - within / np.maximum(sizes, 1), np.inf)
    distances[np.arange(len(rows)), labels] = np.inf
    outer = distances.min(axis=1)
    widths = np.where(size > 1, (outer - inner) / np.maximum(np.maximum(inner, outer), 1e-9), 0)
    return float(np.nan_to_num(widths).mean())
