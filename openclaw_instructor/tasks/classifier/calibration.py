"""Turn scores into probabilities that are right as often as they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# The prior scale of scores by the number of labels, and its strength, counted in examples.
_USUAL = 4.5
_RESISTANCE = 4.0
_GRID = np.geomspace(0.5, 100, 36)
_COARSE = 4
# More examples than this do not change the factor.
_ENOUGH = 4000


def factor(left_out: Matrix, owner: NDArray[np.intp]) -> tuple[float, Matrix]:
    """Return by what to multiply scores before the softmax, so that it makes probabilities of them, and what is lost.

    Takes scores (examples, labels) of examples that were left out of the fit, and their labels. The factor is the one
    under which they are most likely, pulled to the usual one where they are few. Losses are of each example, in nats.
    """
    usual = _USUAL * (1 + np.log(left_out.shape[1]))
    step = max(1, -(-len(owner) // _ENOUGH))
    some, whose = left_out[::step], owner[::step]

    def resisted(tried: float) -> float:
        return float(_RESISTANCE * np.log(tried / usual) ** 2 + _losses(tried * some, whose).sum())

    best = _least(resisted) if len(owner) else float(usual)
    return best, _losses(best * left_out, owner)


def _least(loss: Callable[[float], float]) -> float:
    """Return the value of the grid with the least loss, which falls and then rises: coarsely, then finely."""
    coarse = min(range(0, len(_GRID), _COARSE), key=lambda place: loss(float(_GRID[place])))
    near = _GRID[max(0, coarse - _COARSE + 1) : coarse + _COARSE]
    return float(min(near, key=lambda tried: loss(float(tried))))


def _losses(scores: Matrix, owner: NDArray[np.intp]) -> Matrix:
    return np.asarray(-np.log(softmax(scores)[np.arange(len(owner)), owner] + 1e-12))


def softmax(scores: Matrix) -> Matrix:
    """Return positive shares of 1 for the scores of each row."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
