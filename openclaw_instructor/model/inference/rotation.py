"""Rotate the residual stream, so that no channel stands out and int8 is more exact.

A few channels of a trained stream are many times larger than the rest, and int8 steps that reach them are coarse for
the rest. An RMS norm does not see a rotation, and everything that reads the stream or writes to it is a matrix product:
with rotated weights the network computes the same from a stream whose channels are alike. As QuaRot (Ashkboos et al.,
NeurIPS 2024), but with a Kronecker product of two small rotations, which costs little more than reading its input.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from openclaw_instructor.model.inference.folded import FoldedLayer

BLOCK_ROWS = 1_024  # rows of a table that are rotated at a time


class Rotation:
    """A fixed rotation of `width` channels."""

    def __init__(self, width: int) -> None:
        rows = next(n for n in range(math.isqrt(width), 0, -1) if width % n == 0)
        random = torch.Generator("cpu").manual_seed(0)
        self._left, self._right = _orthogonal(rows, random), _orthogonal(width // rows, random)

    def rotate(self, channels: Tensor) -> Tensor:
        """Rotate states (..., width), or a weight (out, width) that reads the stream."""
        return _applied(channels, self._left, self._right)

    def rotate_back(self, channels: Tensor) -> Tensor:
        """Undo `rotate`."""
        return _applied(channels, self._left.T, self._right.T)

    def rotate_output(self, weight: Tensor) -> Tensor:
        """Rotate a weight (width, in) that writes to the stream."""
        rows, columns = len(self._left), len(self._right)
        by_rows = (self._left.T @ weight.reshape(rows, -1)).view(rows, columns, -1)
        return (self._right.T @ by_rows).view_as(weight)

    def rotate_table(self, table: Tensor, dtype: torch.dtype) -> Tensor:
        """Rotate a token table (n, width) into `dtype`, block by block, so that no second float32 table is held."""
        rotated = torch.empty(table.shape, dtype=dtype)
        for into, rows in zip(rotated.split(BLOCK_ROWS), table.split(BLOCK_ROWS), strict=True):
            into.copy_(self.rotate(rows))
        return rotated

    def rotate_layer(self, layer: FoldedLayer) -> FoldedLayer:
        """Rotate a layer's weights."""
        return FoldedLayer(
            self.rotate(layer.qkv), self.rotate_output(layer.out), self.rotate(layer.up), self.rotate_output(layer.down)
        )


def _applied(channels: Tensor, left: Tensor, right: Tensor) -> Tensor:
    grids = channels.reshape(-1, len(left), len(right))
    return (left.T @ (grids @ right)).reshape(channels.shape)


def _orthogonal(size: int, random: torch.Generator) -> Tensor:
    orthogonal: Tensor = torch.linalg.qr(torch.randn(size, size, generator=random)).Q
    return orthogonal
