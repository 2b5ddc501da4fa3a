"""Turn scores into probabilities that are right as often as they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# How much a difference of scores says before anything was measured, by the number of labels; what is measured moves it
# against this resistance, counted in examples.
_USUAL = 4.5
_RESISTANCE = 4.0
_GRID = np.geomspace(0.5, 100, 64)
# More examples than this do not change the factor.
_ENOUGH = 4000


def factor(left_out: Matrix, owner: NDArray[np.intp]) -> tuple[float, float]:
    """Return by what to multiply scores before the softmax, so that it makes probabilities of them, and what is lost.

    Takes scores (examples, labels) of examples that were left out of the fit, and their labels. The factor is the one
    under which they are most likely, pulled to the usual one where they are few. The loss is lower, the likelier they
    are: the better of two fits to the same examples has the lower one.
    """
    usual = _USUAL * (1 + np.log(left_out.shape[1]))
    if not len(owner):
        return float(usual), 0.0
    step = -(-len(owner) // _ENOUGH)
    left_out, owner = left_out[::step], owner[::step]

    def loss(tried: float) -> float:
        likelihood = softmax(tried * left_out)[np.arange(len(owner)), owner]
        return float(_RESISTANCE * np.log(tried / usual) ** 2 - np.log(likelihood + 1e-12).sum())

    least, best = min((loss(tried), tried) for tried in _GRID)
    return float(best), least


def softmax(scores: Matrix) -> Matrix:
    """Return positive shares of 1 for the scores of each row."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
