"""Fold T5's norms into the weights behind them: the form from which every inference backend starts.

An RMS norm scales each row to unit root mean square and each channel by a learned weight. The next operation is always
a matrix product, which can carry the channel weights; what remains of the norm is one division per row.
"""

# Without postponed annotations: TorchScript reads those of the functions.
import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from openclaw_instructor.model.shapes import T5Shape


class FoldedLayer(NamedTuple):
    """The weights (out, in) of a layer, float32. The input rows of `qkv` and `up` have unit length."""

    qkv: Tensor
    out: Tensor
    up: Tensor
    down: Tensor


class FoldedEnds(NamedTuple):
    """The weights before and after the layers, float32.

    The token table (vocabulary, width), the position table (buckets, heads), the projection (dimension, width) for rows
    of unit length, and `norm` (width,), the channel weights of the final norm.
    """

    tokens: Tensor
    position: Tensor
    dense: Tensor
    norm: Tensor


def fold_layer(state: Mapping[str, Tensor]) -> FoldedLayer:
    """Fold both norms of a `T5Layer`'s state."""
    return FoldedLayer(
        state["qkv.weight"] * _channel_weights(state["attention_norm.weight"]),
        state["out.weight"],
        state["up.weight"] * _channel_weights(state["feed_norm.weight"]),
        state["down.weight"],
    )


def fold_ends(state: Mapping[str, Tensor]) -> FoldedEnds:
    """Fold the final norm of a `T5Encoder`'s state into its projection."""
    norm = _channel_weights(state["norm.weight"])
    return FoldedEnds(state["tokens.weight"], state["position.weight"], state["dense.weight"] * norm, norm)


def _channel_weights(weight: Tensor) -> Tensor:
    # Rows are divided by the root of the sum of their squares instead of the mean; the factor between them is here.
    return weight * math.sqrt(len(weight))


def norm_floor(shape: T5Shape) -> Tensor:
    """Compute the square root of width x epsilon, a scalar that bounds row lengths from below."""
    return torch.tensor(math.sqrt(shape.width * shape.epsilon), device="cpu")


def row_lengths(states: Tensor, floor: Tensor) -> Tensor:
    """Compute the length of each row (tokens, 1)."""
    # The norm accumulates in float32 anyway; passing `dtype` would copy the input first.
    length: Tensor = torch.linalg.vector_norm(states, dim=-1, keepdim=True).hypot_(floor)
    return length


def unit_rows(states: Tensor, floor: Tensor) -> Tensor:
    """Scale the rows (tokens, width) to unit length."""
    return states / row_lengths(states, floor)
