"""What corrections change of a classifier's answers: a multinomial logistic regression on top of its probabilities.

The probabilities of the fitted labels enter as a fixed offset, so that few corrections change little but what is like
them, and many outweigh the labels' own examples. These examples take part too: they hold the answers in place where
nothing was corrected.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

_RIDGE = 0.3
# The ridge makes what is learned too small for probabilities; measured on streams of corrections.
_SHARPNESS = 1.5
# The weight of a label's own example relative to a correction.
_ANCHOR_WEIGHT = 0.3
# Steps of a fit: many for the first, few for one that continues from the last; none beyond this many operations.
_FIRST_STEPS, _STEPS = 30, 3
_OPERATIONS = 1e9
_FLOOR = 1e-6
# From this cosine on, a text counts as a copy of a corrected one and gets its label in proportion.
COPY = 0.95


@dataclass
class Learned:
    """Corrections of one set of labels. `add` takes embeddings in the order of the corrections, `fit` learns them.

    The fit minimises the cross-entropy with a fixed bound on its Hessian (Böhning 1992), whose inverse is carried from
    one correction to the next, so that a fit that goes on from the last takes a few passes over the corrections.
    """

    labels: int
    centre: Matrix
    vectors: Matrix = field(init=False)
    owners: NDArray[np.intp] = field(init=False)
    _points: Matrix = field(init=False)
    _offsets: Matrix = field(init=False)
    _targets: NDArray[np.intp] = field(init=False)
    _counts: Matrix = field(init=False)
    _inverse: NDArray[np.float64] = field(init=False)
    _weights: Matrix = field(init=False)
    _fitted: bool = False

    def __post_init__(self) -> None:
        width = len(self.centre)
        self.vectors = np.empty((0, width), np.float32)
        self.owners = self._targets = np.empty(0, np.intp)
        self._points = np.empty((0, width + 1), np.float32)
        self._offsets = np.empty((0, self.labels), np.float32)
        self._counts = np.empty((0, 1), np.float32)
        self._inverse = np.eye(width + 1) / _RIDGE
        self._weights = np.zeros((width + 1, self.labels), np.float32)

    def anchor(self, vectors: Matrix, owners: NDArray[np.intp], probabilities: NDArray[np.floating]) -> None:
        """Add the labels' own examples."""
        self._take(vectors, owners, probabilities, _ANCHOR_WEIGHT)

    def add(self, vectors: Matrix, owners: NDArray[np.intp], probabilities: NDArray[np.floating]) -> None:
        """Add further corrections: embeddings (n, dim), labels (n,), the labels' own probabilities (n, labels)."""
        self.vectors = np.vstack([self.vectors, vectors.astype(np.float32)])
        self.owners = np.concatenate([self.owners, owners])
        self._take(vectors, owners, probabilities, 1.0)

    def fit(self) -> None:
        """Fit to everything that was added."""
        points, offsets, targets = self._points, self._offsets, self._targets
        rows = np.arange(len(targets))
        inverse = self._inverse.astype(np.float32)
        affordable = int(_OPERATIONS / (4 * points.size * self.labels + 1))
        weights, ahead, momentum = self._weights, self._weights, 1.0
        for _ in range(min(_STEPS, max(2, affordable)) if self._fitted else _FIRST_STEPS):
            error = _softmax(points @ ahead + offsets)
            error[rows, targets] -= 1
            step = ahead - inverse @ (points.T @ (error * self._counts) + np.float32(_RIDGE) * ahead)
            following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = step + np.float32((momentum - 1) / following) * (step - weights)
            weights, momentum = step, following
        self._weights, self._fitted = weights, True

    def adjusted(
        self, vectors: Matrix, probabilities: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the probabilities (n, labels) of texts after what was learned, and the cosine to the nearest of it.

        Each row sums to 1.
        """
        scores = _SHARPNESS * (self._pointed(vectors) @ self._weights) + _logs(probabilities)
        learned = _softmax(scores).astype(np.float64)
        # One product of a matrix and a vector is several times as fast as one of two matrices.
        similarity = np.stack([self.vectors @ vector for vector in vectors.astype(np.float32)])
        place = similarity.argmax(axis=1)
        nearest = similarity[np.arange(len(place)), place]
        copied = np.clip((nearest - COPY) / (1 - COPY - 1e-4), 0.0, 1.0)[:, None]
        return np.asarray(learned * (1 - copied) + np.eye(self.labels)[self.owners[place]] * copied), nearest

    def _take(
        self, vectors: Matrix, owners: NDArray[np.intp], probabilities: NDArray[np.floating], count: float
    ) -> None:
        points = self._pointed(vectors)
        self._points = np.vstack([self._points, points])
        self._offsets = np.vstack([self._offsets, _logs(probabilities)])
        self._targets = np.concatenate([self._targets, owners])
        self._counts = np.vstack([self._counts, np.full((len(points), 1), count, np.float32)])
        # The bound on the Hessian is half the sum of the points' outer products.
        self._inverse = _updated(self._inverse, points.astype(np.float64) * np.sqrt(0.5 * count))

    def _pointed(self, vectors: Matrix) -> Matrix:
        ones = np.ones((len(vectors), 1), np.float32)
        return np.hstack([vectors.astype(np.float32) - self.centre, ones])


def _updated(inverse: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of a matrix to which the outer products of `rows` are added (Woodbury's identity)."""
    if len(rows) > len(inverse):
        return np.asarray(np.linalg.inv(np.linalg.inv(inverse) + rows.T @ rows))
    across = rows @ inverse
    return np.asarray(inverse - across.T @ np.linalg.solve(np.eye(len(rows)) + across @ rows.T, across))


def _logs(probabilities: NDArray[np.floating]) -> Matrix:
    return np.asarray(np.log(np.maximum(probabilities, _FLOOR)), np.float32)


def _softmax(scores: Matrix) -> Matrix:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
