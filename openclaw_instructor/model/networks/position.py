"""Compute T5's relative position bias: a learned number for each head and each bucket of distances.

Raffel et al., JMLR 2020, section 2.1. Near distances have a bucket each, far ones share buckets of logarithmic size.
MPNet uses the same buckets.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def bucket_of(distance: Tensor, buckets: int, max_distance: int) -> Tensor:
    """Compute the bucket of each distance, key position minus query position."""
    half = buckets // 2
    exact = half // 2
    far = torch.log(distance.abs().clamp(min=1).float() / exact) / math.log(max_distance / exact) * (half - exact)
    bucket = torch.where(distance.abs() < exact, distance.abs(), (exact + far.to(torch.long)).clamp(max=half - 1))
    return bucket + half * (distance > 0)


def relative_buckets(length: int, buckets: int, max_distance: int) -> Tensor:
    """Compute the buckets (length, length) of every key for every query."""
    positions = torch.arange(length)
    return bucket_of(positions[None, :] - positions[:, None], buckets, max_distance)


def position_bias(table: Tensor, length: int, max_distance: int) -> Tensor:
    """Look up the bias (1, heads, length, length) of attention scores in a table (buckets, heads)."""
    rows: Tensor = table[relative_buckets(length, len(table), max_distance).to(table.device)]
    return rows.permute(2, 0, 1)[None]


def distance_bias(table: Tensor, length: int, max_distance: int) -> Tensor:
    """Look up the bias (heads, 2 x length + 1) of the distances from -length to length."""
    distances = torch.arange(-length, length + 1)
    rows: Tensor = table[bucket_of(distances, len(table), max_distance).to(table.device)]
    return rows.T.contiguous()


class BiasCache:
    """Caches the longest bias so far; safe to share between threads."""

    def __init__(self, make: Callable[[int], Tensor]) -> None:
        self._make = make
        self._kept: tuple[int, Tensor] | None = None

    def of(self, length: int) -> Tensor:
        """Return a bias made for at least `length` tokens."""
        # Use a local variable, because another thread may replace the attribute meanwhile.
        kept = self._kept
        if kept is None or kept[0] < length:
            kept = self._kept = length, self._make(length).contiguous()
        return kept[1]
