"""Fit described and exemplified labels to their embeddings, in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from openclaw_instructor.tasks.classifier import calibration, regression
from openclaw_instructor.tasks.classifier.regression import KernelRegression
from openclaw_instructor.tasks.classifier.words import Vocabulary

Matrix = NDArray[np.float64]

# How much labels with few examples are weighted up: 0 not at all, 1 as much as any other label.
_BALANCE = 0.5
# Words are used if they improve the likelihood of left-out examples by this many standard errors.
_CERTAIN = 1.0
# A text is unlike the examples when its nearest one is farther than, for most examples, the nearest of another label.
_UNLIKE_QUANTILE = 0.1
_ENOUGH_EXAMPLES = 20
_MOST_COMPARED = 500


@dataclass(frozen=True)
class LabelSpace:
    """Labels as regions of the embedding space.

    A kernel ridge regression scores the labels; a description counts as one more example of its label. It works on
    vectors from which the mean of all labels is taken, since what all labels share says nothing about which one it is,
    and on the words of the texts where they are given. How far words count, and how sure the scores are, is measured on
    examples left out of the fit.
    """

    centre: Matrix
    regression: KernelRegression
    vocabulary: Vocabulary | None
    factor: float
    examples: Matrix
    floor: float

    @classmethod
    def fit(
        cls,
        descriptions: NDArray[np.floating],
        examples: Sequence[NDArray[np.floating]],
        texts: Sequence[Sequence[str]] | None = None,
    ) -> LabelSpace:
        """From one description vector per label (labels, dim), and each label's example vectors (n, dim), n >= 0.

        `texts` are those of each label: of its examples in their order, then its description.
        """
        groups = [
            np.vstack([few, one[None]]).astype(np.float64) for few, one in zip(examples, descriptions, strict=True)
        ]
        sizes = np.array([len(group) for group in groups])
        # With little but descriptions, what the labels share also holds what the texts share with them.
        centre = np.mean([group.mean(axis=0) for group in groups], axis=0) * sizes.mean() / (sizes.mean() + 1)
        vectors = np.vstack(groups)
        owner = np.repeat(np.arange(len(groups)), sizes)
        counts = (sizes.mean() / sizes[owner]) ** _BALANCE
        targets = np.eye(len(groups))[owner] - 1 / len(groups)
        described = np.zeros(len(vectors), dtype=bool)
        described[np.cumsum(sizes) - 1] = True
        vocabulary, words = (None, None) if texts is None else Vocabulary.fitted(chain.from_iterable(texts))
        fits = []
        for fitted, left_out in regression.fits(_unit(vectors - centre), words, targets, counts):
            factor, losses = calibration.factor(left_out[~described], owner[~described])
            fits.append(_Fit(fitted, factor, losses))
        best = _best(fits)
        known = vectors[~described | (sizes == 1)[owner]]
        return cls(
            centre, best.regression, vocabulary, best.factor, known, _floor(vectors[~described], owner[~described])
        )

    def probabilities(self, vectors: NDArray[np.floating], texts: Sequence[str] | None = None) -> Matrix:
        """(n, dim) L2-normalised embeddings, and the texts if labels were fitted with texts -> (n, labels).

        Each row sums to 1.
        """
        centred = _unit(np.asarray(vectors, dtype=np.float64) - self.centre)
        words = None if texts is None or self.vocabulary is None else self.vocabulary.vectors(texts)
        return calibration.softmax(self.factor * self.regression.scores(centred, words))

    def nearest(self, vectors: NDArray[np.floating]) -> Matrix:
        """Return the cosine of each embedding to its nearest label: (n, dim) -> (n,).

        Nearest is the most similar example, or description of a label that has none; what is below `floor` belongs to
        no label.
        """
        return np.asarray((np.asarray(vectors, dtype=np.float64) @ self.examples.T).max(axis=1))


@dataclass(frozen=True)
class _Fit:
    """A regression with its calibration, and the loss of each left-out example."""

    regression: KernelRegression
    factor: float
    losses: Matrix


def _best(fits: Sequence[_Fit]) -> _Fit:
    """Return the fit with the least loss; one with words only if its gain is significant."""
    plain, worded = (
        [fit for fit in fits if bool(len(fit.regression.word_weights)) is words] for words in (False, True)
    )
    best = min(plain, key=lambda fit: fit.losses.sum())
    if not worded or len(best.losses) < _ENOUGH_EXAMPLES:
        return best
    with_words = min(worded, key=lambda fit: fit.losses.sum())
    gain = best.losses - with_words.losses
    return with_words if gain.sum() > _CERTAIN * gain.std() * np.sqrt(len(gain)) else best


def _floor(examples: Matrix, owner: NDArray[np.intp]) -> float:
    """Return the similarity below which a text is unlike all examples; -1 if there are too few to tell.

    Within one label they would not do: a person may write near copies, and nothing real would be as close.
    """
    if len(examples) < _ENOUGH_EXAMPLES or len(np.unique(owner)) < 2:
        return -1.0
    some = slice(None, None, -(-len(examples) // _MOST_COMPARED))
    similarity = np.where(owner[some, None] == owner[None, :], -1.0, examples[some] @ examples.T)
    return float(np.quantile(similarity.max(axis=1), _UNLIKE_QUANTILE))


def _unit(vectors: Matrix) -> Matrix:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
