"""Fit a classifier to a few described and exemplified labels, in milliseconds on their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# Softmax temperature in units of the spread of the labels. Where the examples allow it, leave-one-out moves it, with
# this much resistance (counted in examples).
_TEMPERATURE = 0.12
_RESISTANCE = 4.0
_GRID = np.geomspace(0.04, 0.8, 48)
_RIDGE = 1.0
# A text is unlike the examples when its nearest one is farther than, for most examples, the nearest of another label.
_UNLIKE_QUANTILE = 0.1
_ENOUGH_EXAMPLES = 20


@dataclass(frozen=True)
class LabelSpace:
    """Labels as directions in the embedding space.

    The score of a label is the sum of two views of its vectors (the description counts as one more example): the
    cosine to their mean, and a kernel ridge regression on all of them. The first is steady with one or two examples,
    the second tells close labels apart once there are several. Both work on vectors from which the mean of all labels
    is taken, since what all labels share says nothing about which one it is.
    """

    centre: Matrix
    prototypes: Matrix
    points: Matrix
    weights: Matrix
    temperature: float
    examples: Matrix
    floor: float

    @classmethod
    def fit(cls, descriptions: NDArray[np.floating], examples: Sequence[NDArray[np.floating]]) -> LabelSpace:
        """From one description vector per label (labels, dim), and each label's example vectors (n, dim), n >= 0."""
        groups = [
            np.vstack([few, one[None]]).astype(np.float64) for few, one in zip(examples, descriptions, strict=True)
        ]
        means = np.stack([group.mean(axis=0) for group in groups])
        # With little but descriptions, what the labels share also holds what the texts share with them.
        per_label = sum(map(len, examples)) / len(groups)
        centre = means.mean(axis=0) * (per_label + 1) / (per_label + 2)
        prototypes = _unit(means - centre)
        points = _unit(np.vstack(groups) - centre)
        owner = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        targets = np.eye(len(groups))[owner] - 1 / len(groups)
        inverse = np.linalg.inv(points @ points.T + _RIDGE * np.eye(len(points)))
        weights = inverse @ targets
        spread = _spread(prototypes)
        scored = np.concatenate([np.arange(len(group)) < len(group) - 1 for group in groups])
        ridge = (targets - weights / np.diag(inverse)[:, None])[scored]
        left_out = _prototype_scores_left_out(groups, means, centre) + ridge
        temperature = _fit_temperature(left_out, owner[scored], spread)
        everything = np.vstack(groups)
        bare = np.repeat([len(group) == 1 for group in groups], [len(group) for group in groups])
        floor = _floor(everything[scored], owner[scored])
        return cls(centre, prototypes, points, weights, temperature, everything[scored | bare], floor)

    def probabilities(self, vectors: NDArray[np.floating]) -> Matrix:
        """(n, dim) L2-normalised embeddings -> (n, labels); each row sums to 1."""
        centred = _unit(np.asarray(vectors, dtype=np.float64) - self.centre)
        scores = centred @ self.prototypes.T + (centred @ self.points.T) @ self.weights
        return _softmax(scores / self.temperature)

    def nearest(self, vectors: NDArray[np.floating]) -> Matrix:
        """Return the cosine of each embedding to its nearest label: (n, dim) -> (n,).

        Nearest is the most similar example, or description of a label that has none; what is below `floor` belongs to
        no label.
        """
        return np.asarray((np.asarray(vectors, dtype=np.float64) @ self.examples.T).max(axis=1))


def _floor(examples: Matrix, owner: NDArray[np.intp]) -> float:
    """How similar examples of different labels are at the least usual; -1 when there are too few to tell.

    Within one label they would not do: a person may write near copies, and nothing real would be as close.
    """
    if len(examples) < _ENOUGH_EXAMPLES or len(np.unique(owner)) < 2:
        return -1.0
    similarity = np.where(owner[:, None] == owner[None, :], -1.0, examples @ examples.T)
    return float(np.quantile(similarity.max(axis=1), _UNLIKE_QUANTILE))


def _prototype_scores_left_out(groups: Sequence[Matrix], means: Matrix, centre: Matrix) -> Matrix:
    """Cosine of every example to the prototypes of a space that has not seen it; (examples, labels)."""
    rows = []
    for number, group in enumerate(groups):
        for example in group[:-1]:
            others = means.copy()
            others[number] = (means[number] * len(group) - example) / (len(group) - 1)
            moved = centre + (others[number] - means[number]) / len(groups)
            rows.append(_unit(others - moved) @ _unit((example - moved)[None])[0])
    return np.array(rows).reshape(len(rows), len(groups))


def _fit_temperature(scores: Matrix, owner: NDArray[np.intp], spread: float) -> float:
    """Return the temperature under which the left-out examples are most likely, pulled to the usual one."""

    def loss(temperature: float) -> float:
        likelihood = _softmax(scores / (temperature * spread))[np.arange(len(owner)), owner]
        resistance = _RESISTANCE * np.log(temperature / _TEMPERATURE) ** 2
        return float(resistance - np.log(likelihood + 1e-12).sum())

    return spread * (min(_GRID, key=loss) if len(owner) else _TEMPERATURE)


def _spread(prototypes: Matrix) -> float:
    """How far apart the labels are: 2 for two opposites, 1 for many unrelated ones, near 0 for a narrow cone."""
    count = len(prototypes)
    similarity = prototypes @ prototypes.T
    between = (similarity.sum() - np.trace(similarity)) / (count * (count - 1))
    return max(float(1 - between), 1e-3)


def _softmax(scores: Matrix) -> Matrix:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _unit(vectors: Matrix) -> Matrix:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
