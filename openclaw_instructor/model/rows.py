"""Wider rows for products of bfloat16 with AMX.

Rows whose distance is an even number of cache lines fall on few sets of the cache, at worst on one, and push one
another out while a product reads or writes them. So what products read and write is made an odd number of lines wide:
channels of zeros, which weights of zeros make and pass over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from openclaw_instructor.model.device import has_tiles

# Numbers of bfloat16 in a cache line.
LINE = 32
# What lies inside a feed-forward gets two lines more at least: with one, 3,072 channels become 3,104, which oneDNN adds
# up as slowly as before.
INNER_MORE = 2 * LINE
# The width of a stream from which on it pays; below, two lines more are too many.
WIDTH_FROM = 512


def pays(dtype: torch.dtype, device: torch.device, width: int) -> bool:
    """Whether products of this format run on AMX's tiles, for a stream so wide."""
    return dtype == torch.bfloat16 and width >= WIDTH_FROM and has_tiles(device)


def widened(weights: Sequence[Tensor]) -> Iterator[Tensor]:
    """A layer's qkv, out, up and down (out, in) for such rows, one copied at a time; what lies between them is as it
    was, then zeros."""
    qkv, out, up, down = weights
    stream, inner = _more(qkv.size(1)), _more(up.size(0), INNER_MORE)
    yield F.pad(qkv, [0, stream, 0, _more(qkv.size(0))])
    yield out
    yield F.pad(up, [0, stream, 0, inner])
    yield F.pad(down, [0, inner])


def _more(channels: int, least: int = 0) -> int:
    lines = -(-(channels + least) // LINE)
    return (lines | 1) * LINE - channels
