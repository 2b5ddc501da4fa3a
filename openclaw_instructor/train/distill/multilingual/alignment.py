"""Start the new rows of a token table from the English pieces that they are aligned with.

IBM's first model (Brown et al., 1993) is fitted to aligned texts in both directions by expectation maximisation: each
piece of a text stands for one of its English side, or for none. A new row is the mean of the English rows, weighted by
how often both directions align them (Liang et al., 2006, take such a product). Each language has a model of its own;
what they count is added up, because languages share pieces.

English has pieces that other languages use far more: `de`, `la`, `##en`, Arabic and Cyrillic letters. Their rows say
little in English and are wrong elsewhere, so they start like new ones, as far as they are foreign (`foreign_share`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

ROUNDS = 5
MOST_TOKENS = 48  # of a text and of its English side; a passage's sentences are mostly rows of their own
KEPT = 12  # English pieces of a new one
LEAST = 0.05  # weight relative to the greatest
FOREIGN = 1 / 2  # share of a piece's uses from which its row is moved


def align(rows: Sequence[tuple[str, Sequence[int], Sequence[int]]], size: int, english: int) -> csr_array:
    """Weigh English pieces for each of `size` pieces (size, english), rows of which sum to one, or to zero.

    `rows` are (language, token ids, the English side's token ids). Pieces below `english` are English themselves.
    """
    from scipy.sparse import csr_array

    by_language: dict[str, list[tuple[Sequence[int], Sequence[int]]]] = defaultdict(list)
    for language, ids, sides in rows:
        if 0 < len(ids) <= MOST_TOKENS and 0 < len(sides) <= MOST_TOKENS:
            by_language[language].append((ids, sides))
    total = csr_array((size, english), dtype=np.float64)
    for texts in by_language.values():
        total = total + csr_array(_expected(texts, english), shape=(size, english))
    return _pruned(csr_array(total), english)


def foreign_share(
    english: Sequence[Sequence[int]], others: Iterable[tuple[str, Sequence[int]]], pieces: Sequence[str]
) -> NDArray[np.float64]:
    """Return which share of each piece's uses (pieces,) is outside English, were all languages spoken equally often.

    `english` are token ids, `others` (language, token ids). It is zero for punctuation, digits and unused pieces.
    """
    by_language: dict[str, list[Sequence[int]]] = defaultdict(list)
    for language, ids in others:
        by_language[language].append(ids)
    ours = _rates(english, len(pieces))
    theirs = np.mean([_rates(texts, len(pieces)) for texts in by_language.values()], axis=0)
    written = np.array([any(map(str.isalpha, piece)) for piece in pieces])
    return np.where(written, theirs / np.maximum(ours + theirs, 1e-12), 0.0)


def english_rows(foreign: NDArray[np.float64], english: int) -> NDArray[np.bool_]:
    """Mark the rows (pieces,) that stay: of the first `english` pieces those that are little used elsewhere."""
    return (foreign < FOREIGN) & (np.arange(len(foreign)) < english)


def start_rows(
    table: NDArray[np.float32], weights: csr_array, foreign: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Return `table` (english, width), extended by the weighted means of its rows, of the typical length.

    The mean of all rows stands for a piece that nothing is aligned with. A row of `table` itself is moved to its mean
    by the share of its uses in `foreign` (pieces,), from `FOREIGN` on.
    """
    means = np.asarray(weights @ table, np.float32)
    aligned = np.asarray(weights.sum(axis=1)) > 0
    means[~aligned] = table.mean(axis=0)
    means *= np.linalg.norm(table, axis=1).mean() / np.linalg.norm(means, axis=1, keepdims=True)
    old = table.copy()
    if foreign is not None:
        moved = np.flatnonzero(~english_rows(foreign, len(table))[: len(table)] & aligned[: len(table)])
        share = foreign[moved, None].astype(np.float32)
        old[moved] = share * means[moved] + (1 - share) * table[moved]
    return np.concatenate([old, means[len(table) :]])


def _rates(texts: Sequence[Sequence[int]], size: int) -> NDArray[np.float64]:
    """Return the share of each piece (size,) in all tokens."""
    counts = np.bincount(np.fromiter(chain.from_iterable(texts), np.int64), minlength=size)
    rates: NDArray[np.float64] = counts / max(counts.sum(), 1)
    return rates


def _expected(
    texts: Sequence[tuple[Sequence[int], Sequence[int]]], none: int
) -> tuple[NDArray[np.float64], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Count how often each piece and English piece are expected to be aligned: (counts, (pieces, English pieces))."""
    pieces, sides, of_piece, of_side = _pairs(texts, none)
    keys, places = np.unique(pieces * (none + 1) + sides, return_inverse=True)
    key_pieces, key_sides = np.divmod(keys, none + 1)
    forward, backward = np.ones(len(keys)), np.ones(len(keys))
    backward[key_sides == none] = 0
    ours = theirs = np.empty(0)
    for _ in range(ROUNDS):
        ours, theirs = forward[places], backward[places]
        ours /= np.bincount(of_piece, ours)[of_piece]
        theirs /= np.maximum(np.bincount(of_side, theirs), 1e-12)[of_side]
        forward = _normalised(np.bincount(places, ours, len(keys)), key_sides)
        backward = _normalised(np.bincount(places, theirs, len(keys)), key_pieces)
    counts = np.bincount(places, ours * theirs, len(keys))
    real = (key_sides < none) & (counts > 0)
    return counts[real], (key_pieces[real], key_sides[real])


def _pairs(texts: Sequence[tuple[Sequence[int], Sequence[int]]], none: int) -> tuple[NDArray[np.int64], ...]:
    """List every (piece, English piece or `none`) of a text and its side, with the number of either in all texts."""
    lengths = np.array([len(ids) for ids, _ in texts])
    side_lengths = np.array([len(side) + 1 for _, side in texts])
    pieces = np.concatenate([np.asarray(ids, np.int64) for ids, _ in texts])
    sides = np.concatenate([np.asarray([*side, none], np.int64) for _, side in texts])
    repeats = np.repeat(side_lengths, lengths)
    of_piece = np.repeat(np.arange(len(pieces)), repeats)
    first_side = np.repeat(np.cumsum(side_lengths) - side_lengths, lengths)
    of_side = np.arange(len(of_piece)) - np.repeat(np.cumsum(repeats) - repeats - first_side, repeats)
    return pieces[of_piece], sides[of_side], of_piece, of_side


def _normalised(counts: NDArray[Any], given: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide counts by their sum over all keys with the same `given`."""
    shares: NDArray[np.float64] = counts / np.maximum(np.bincount(given, counts), 1e-12)[given]
    return shares


def _pruned(weights: csr_array, english: int) -> csr_array:
    """Keep the greatest weights of each row, and let them sum to one."""
    from scipy.sparse import csr_array

    data, indices, starts = [], [], [0]
    for row in range(weights.shape[0]):
        span = slice(weights.indptr[row], weights.indptr[row + 1])
        values, columns = weights.data[span], weights.indices[span]
        best = np.argsort(-values, kind="stable")[:KEPT]
        best = best[values[best] >= LEAST * values.max(initial=0.0)]
        data.append(values[best] / max(values[best].sum(), 1e-12))
        indices.append(columns[best])
        starts.append(starts[-1] + len(best))
    parts = np.concatenate(data).astype(np.float32), np.concatenate(indices), np.array(starts)
    return csr_array(parts, shape=(weights.shape[0], english))
