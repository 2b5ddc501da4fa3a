"""Fit a kernel ridge regression of labels on embeddings, and tell what it says of each example left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# The kernel is exp((cosine - 1) / width): nearly linear between points far apart, sharper between close ones.
_WIDTH = 1.2
# How much of what the examples say is taken for chance: more where labels overlap.
_RIDGES = (0.3, 1.0)
# Up to so many points the regression is exact; of more, so many stand for all (Nyström).
_MOST_LANDMARKS = 1024
_JITTER = 1e-5


@dataclass(frozen=True)
class KernelRegression:
    """A score for each label as a weighted sum of similarities to points whose labels are known."""

    landmarks: Matrix
    weights: Matrix

    def scores(self, points: Matrix) -> Matrix:
        """(n, dim) points of length 1 -> (n, labels); near 0 for all labels where nothing is known."""
        return np.asarray(_kernel(points, self.landmarks) @ self.weights)


def fits(points: Matrix, targets: Matrix, counts: NDArray[np.float64]) -> Iterator[tuple[KernelRegression, Matrix]]:
    """Yield regressions of targets (n, labels) on points (n, dim), each with its scores (n, labels) of left-out points.

    Each gives another share to chance. `counts` says for how many points each one counts. The scores of a point left
    out are exact, without a further fit.
    """
    if len(points) > _MOST_LANDMARKS:
        yield from _fits_on_landmarks(points, targets, counts)
        return
    similarity = _kernel(points, points)
    for ridge in _RIDGES:
        inverse = np.linalg.inv(similarity + np.diag(ridge / counts))
        weights = inverse @ targets
        yield KernelRegression(points, weights), targets - weights / np.diag(inverse)[:, None]


def _fits_on_landmarks(
    points: Matrix, targets: Matrix, counts: NDArray[np.float64]
) -> Iterator[tuple[KernelRegression, Matrix]]:
    landmarks = points[_spread_over(targets.argmax(axis=1), _MOST_LANDMARKS)]
    root = np.linalg.cholesky(_kernel(landmarks, landmarks) + _JITTER * np.eye(len(landmarks)))
    basis = np.linalg.inv(root).T
    # In single precision, since this is most of the work; what is inverted is double.
    features = _kernel(points.astype(np.float32), landmarks.astype(np.float32)) @ basis.astype(np.float32)
    counted = features * counts[:, None].astype(np.float32)
    squares = (features.T @ counted).astype(np.float64)
    for ridge in _RIDGES:
        inverse = np.linalg.inv(squares + ridge * np.eye(len(landmarks)))
        weights = inverse @ (counted.T @ targets)
        leverage = np.einsum("ij,ij->i", features @ inverse.astype(np.float32), counted).astype(np.float64)[:, None]
        left_out = (features @ weights - leverage * targets) / (1 - leverage)
        yield KernelRegression(landmarks, basis @ weights), left_out


def _kernel(points: Matrix, others: Matrix) -> Matrix:
    return np.asarray(np.exp((points @ others.T - 1) / _WIDTH))


def _spread_over(owner: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Return so many places, as evenly over the labels as there are points of each."""
    shuffled = np.random.default_rng(0).permutation(len(owner))
    by_label = shuffled[np.argsort(owner[shuffled], kind="stable")]
    sizes = np.bincount(owner)
    place_in_label = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.asarray(by_label[np.argsort(place_in_label, kind="stable")[:count]])
