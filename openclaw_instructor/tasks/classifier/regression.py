"""Fit a kernel ridge regression of labels on embeddings and words, with leave-one-out scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Words = NDArray[np.float32]
Floats = NDArray[np.floating]

# The kernel is exp((cosine - 1) / width): nearly linear between points far apart, sharper between close ones.
_WIDTH = 1.2
# Strengths of the ridge penalty to choose from: larger ones where labels overlap.
_RIDGES = (0.3, 1.0)
# Weights of the similarity of words relative to that of embeddings.
_SHARES = (0.0, 0.6, 1.0)
# Up to this many points the regression is exact; of more, this many represent all (Nyström).
_MOST_LANDMARKS = 1536
_JITTER = 1e-4
_INVERTED_WHOLE = 64
_DOUBLE = 400


@dataclass(frozen=True)
class KernelRegression:
    """A score for each label as a weighted sum of similarities to points whose labels are known.

    `word_weights` (words, labels) is what the words of a text add; without rows where words do not count.
    """

    landmarks: Matrix
    weights: Matrix
    word_weights: Matrix

    def scores(self, points: Matrix, words: Words | None = None) -> Matrix:
        """(n, dim) points of length 1 and the words of their texts -> (n, labels); near 0 where nothing is known."""
        scores = _kernel(points, self.landmarks) @ self.weights
        if words is not None and len(self.word_weights):
            scores = scores + words @ self.word_weights
        return np.asarray(scores)


def fits(
    points: Matrix, words: Words | None, targets: Matrix, counts: NDArray[np.float64]
) -> Iterator[tuple[KernelRegression, Matrix]]:
    """Yield regressions of targets (n, labels) on points (n, dim), each with its scores (n, labels) of left-out points.

    Each counts the words of the texts, if they are given, for another share, and takes more or less for chance.
    `counts` says for how many points each one counts. The scores of a point left out are exact, without a further fit.
    """
    fit = _on_landmarks if len(points) > _MOST_LANDMARKS else _exact
    for share in _SHARES if words is not None and words.shape[1] else (0.0,):
        yield from fit(points, words if share else None, share, targets, counts)


def _exact(
    points: Matrix, words: Words | None, share: float, targets: Matrix, counts: NDArray[np.float64]
) -> Iterator[tuple[KernelRegression, Matrix]]:
    # With many points single precision halves the time; scores change in the fourth digit.
    precision: type[np.floating] = np.float32 if len(points) > _DOUBLE else np.float64
    similarity: Floats = _kernel(points, points).astype(precision)
    if words is not None:
        similarity = similarity + np.float32(share) * (words @ words.T)
    wanted: Floats = targets.astype(precision)
    for ridge in _RIDGES:
        root = _inverse_of_triangle(np.linalg.cholesky(similarity + np.diag(ridge / counts).astype(precision)))
        weights = (root.T @ (root @ wanted)).astype(np.float64)
        left_out = targets - weights / np.square(root).sum(axis=0)[:, None]
        yield KernelRegression(points, weights, _word_weights(words, share, weights)), left_out


def _on_landmarks(
    points: Matrix, words: Words | None, share: float, targets: Matrix, counts: NDArray[np.float64]
) -> Iterator[tuple[KernelRegression, Matrix]]:
    some = _spread_over(targets.argmax(axis=1), _MOST_LANDMARKS)
    landmarks, their_words = points[some], None if words is None else words[some]
    # In single precision, because it is most of the work; matrices are inverted in double precision.
    similarity = _kernel(points.astype(np.float32), landmarks.astype(np.float32))
    if words is not None and their_words is not None:
        similarity += np.float32(share) * (words @ their_words.T)
    root = np.linalg.cholesky(similarity[some].astype(np.float64) + _JITTER * np.eye(len(some)))
    basis = _inverse_of_triangle(root).T.astype(np.float64)
    features = similarity @ basis.astype(np.float32)
    counted = features * counts[:, None].astype(np.float32)
    squares = (features.T @ counted).astype(np.float64)
    for ridge in _RIDGES:
        inverse = np.linalg.inv(squares + ridge * np.eye(len(some)))
        solved = inverse @ (counted.T @ targets)
        leverage = np.einsum("ij,ij->i", features @ inverse.astype(np.float32), counted).astype(np.float64)[:, None]
        left_out = (features @ solved - leverage * targets) / (1 - leverage)
        weights = basis @ solved
        yield KernelRegression(landmarks, weights, _word_weights(their_words, share, weights)), left_out


def _inverse_of_triangle(lower: Floats) -> Floats:
    """Invert a lower triangular matrix by halves, with products for nearly all of the work."""
    if len(lower) <= _INVERTED_WHOLE:
        return np.asarray(np.linalg.inv(lower))
    half = len(lower) // 2
    inverse = np.zeros_like(lower)
    inverse[:half, :half] = _inverse_of_triangle(lower[:half, :half])
    inverse[half:, half:] = _inverse_of_triangle(lower[half:, half:])
    inverse[half:, :half] = -inverse[half:, half:] @ (lower[half:, :half] @ inverse[:half, :half])
    return inverse


def _word_weights(words: Words | None, share: float, weights: Matrix) -> Matrix:
    return (
        np.empty((0, weights.shape[1]))
        if words is None
        else np.asarray(share * (words.T @ weights.astype(np.float32)), dtype=np.float64)
    )


def _kernel(points: Matrix, others: Matrix) -> Matrix:
    return np.asarray(np.exp((points @ others.T - 1) / _WIDTH))


def _spread_over(owner: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Choose this many points, in proportion to the points of each label."""
    shuffled = np.random.default_rng(0).permutation(len(owner))
    by_label = shuffled[np.argsort(owner[shuffled], kind="stable")]
    sizes = np.bincount(owner)
    place_in_label = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.asarray(by_label[np.argsort(place_in_label, kind="stable")[:count]])
