"""A turn of the stream between the layers, so that no channel of it stands out.

A few channels of a trained stream are many times larger than the rest, and steps of int8 that reach them are coarse for
the rest. An RMS norm does not see a rotation, and all that reads the stream or writes to it is a product: turned in the
weights, the model computes the same from a stream whose channels are alike. As QuaRot (Ashkboos et al., NeurIPS 2024),
with other rotations: a Kronecker product of two small ones costs little more to apply than to read what it turns.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BLOCK = 1_024  # rows of a table


class Rotation:
    """A fixed rotation of `width` channels."""

    def __init__(self, width: int) -> None:
        rows = next(n for n in range(math.isqrt(width), 0, -1) if width % n == 0)
        random = torch.Generator("cpu").manual_seed(0)
        self._left, self._right = _orthogonal(rows, random), _orthogonal(width // rows, random)

    def turn(self, channels: Tensor) -> Tensor:
        """What reads the stream or is the stream, (..., width), for a turned one."""
        return _applied(channels, self._left, self._right)

    def turn_table(self, table: Tensor, dtype: torch.dtype) -> Tensor:
        """A table (n, width) of the stream's states, turned, in `dtype`; a block at a time, so that no second one of
        float32 is ever held."""
        turned = torch.empty(table.shape, dtype=dtype)
        for into, rows in zip(turned.split(BLOCK), table.split(BLOCK), strict=True):
            into.copy_(self.turn(rows))
        return turned

    def turn_back(self, channels: Tensor) -> Tensor:
        """States (..., width) of a turned stream as they were."""
        return _applied(channels, self._left.T, self._right.T)

    def turn_written(self, weight: Tensor) -> Tensor:
        """The weight (width, n) of a product that adds to the stream, for a turned one."""
        rows, columns = len(self._left), len(self._right)
        by_rows = (self._left.T @ weight.reshape(rows, -1)).view(rows, columns, -1)
        return (self._right.T @ by_rows).view_as(weight)


def _applied(channels: Tensor, left: Tensor, right: Tensor) -> Tensor:
    grids = channels.reshape(-1, len(left), len(right))
    return (left.T @ (grids @ right)).reshape(channels.shape)


def _orthogonal(size: int, random: torch.Generator) -> Tensor:
    orthogonal: Tensor = torch.linalg.qr(torch.randn(size, size, generator=random)).Q
    return orthogonal
