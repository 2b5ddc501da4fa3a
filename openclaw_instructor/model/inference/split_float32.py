"""Products of float32 out of products of int8, for processors that multiply matrices of int8 many times as fast.

Each row of both factors is brought to whole numbers of 23 bits below its greatest value, and these are cut into three
digits of base 256. Products of digits are exact; of the nine the six greatest are summed, the rest is less than what a
sum of float32 rounds away. As Ozaki et al., "Error-free transformations of matrix multiplication by using fast routines
of matrix multiplication" (Numerical Algorithms, 2012), which Ootomo et al. brought to int8 (2024).
"""

# Without postponed annotations: torch's compiler reads those of the functions themselves.
from typing import NamedTuple

import torch
from torch import Tensor

from openclaw_instructor.model.device import has_tiles

# The whole number that stands for a row's greatest value; rounded up, it still has a first digit of 127.
STEPS = 127.0 * 65_536
# What is cut is taken in blocks of so many rows, which stay in the cache between the steps.
BLOCK_ROWS = 64
# Up to so many rows each weight is read once, for the digits of all rows together: its memory is what takes the time.
FEW_ROWS = 64
# The width of a stream from which on it pays.
WIDTH_FROM = 512


class Limbs(NamedTuple):
    """A product's weight (out, in) in digits, as oneDNN reads them, and the scale of each of its rows."""

    high: Tensor
    middle: Tensor
    low: Tensor
    scales: Tensor
    zeros: Tensor

    @classmethod
    def of(cls, weight: Tensor) -> "Limbs":
        reach = weight.abs().amax(1, keepdim=True).clamp_(min=1e-12)
        high, middle, low = (torch.ops.onednn.qlinear_prepack(digit, None) for digit in digits(weight, reach))
        # Both factors are whole numbers here, and what is multiplied has a reach of one.
        scales = reach[:, 0] * (65_536 / STEPS) ** 2
        return cls(high, middle, low, scales, torch.zeros(len(weight), dtype=torch.long))


def pays(dtype: torch.dtype, device: torch.device, width: int) -> bool:
    """Whether float32 is asked for and this is its faster way: with AMX, where calling six is little beside them."""
    return dtype == torch.float32 and width >= WIDTH_FROM and has_tiles(device)


def digits(rows: Tensor, reach: Tensor, steps: float = STEPS, block: int = BLOCK_ROWS) -> Tensor:
    """Three digits (3, n, in) int8, the highest first, of `rows` (n, in); `reach` (n, 1) is the greatest magnitude."""
    result = torch.empty([3, rows.size(0), rows.size(1)], dtype=torch.int8)
    scales = steps / reach
    for some, scale, cut in zip(rows.split(block), scales.split(block), result.split(block, 1), strict=True):
        left = (some * scale).round_().to(torch.int32)
        # The conversion keeps the lowest eight bits, a digit from -128 to 127.
        cut[2].copy_(left)
        cut[1].copy_(left.add_(128).bitwise_right_shift_(8))
        cut[0].copy_(left.add_(128).bitwise_right_shift_(8))
    return result


def multiplied(cut: Tensor, weight: Limbs, activation: str, few: int = FEW_ROWS) -> Tensor:
    """What rows of reach one give (n, out) float32, from their digits (3, n, in); `activation` is "relu" or "none"."""
    # From the least to the greatest.
    if cut.size(1) > few:
        high, middle, low = cut[0], cut[1], cut[2]
        y = _product(high, weight, weight.low, 1.0 / 65_536)
        y = _added(y, middle, weight, weight.middle, 1.0 / 65_536, "none")
        y = _added(y, low, weight, weight.high, 1.0 / 65_536, "none")
        y = _added(y, high, weight, weight.middle, 1.0 / 256, "none")
        y = _added(y, middle, weight, weight.high, 1.0 / 256, "none")
        return _added(y, high, weight, weight.high, 1.0, activation)
    n = cut.size(1)
    stacked = cut.flatten(0, 1)
    first = _product(stacked, weight, weight.high, 1.0)
    second = _added(first[n:], stacked[: 2 * n], weight, weight.middle, 1.0, "none")
    third = _added(second[n:], stacked[:n], weight, weight.low, 1.0, "none")
    y = first[:n].add_(second[:n].add_(third, alpha=1.0 / 256), alpha=1.0 / 256)
    return y.relu_() if activation == "relu" else y


def _product(x: Tensor, weight: Limbs, digit: Tensor, scale: float) -> Tensor:
    none: list[int | float | complex | None] = []
    y: Tensor = torch.ops.onednn.qlinear_pointwise(
        x, scale, 0, digit, weight.scales, weight.zeros, None, 1.0, 0, torch.float32, "none", none, "none"
    )
    return y


def _added(y: Tensor, x: Tensor, weight: Limbs, digit: Tensor, scale: float, activation: str) -> Tensor:
    """The product added to `y`, in its memory. The compiler knows nothing of that: read only what this returns."""
    none: list[int | float | complex | None] = []
    result: Tensor = torch.ops.onednn.qlinear_pointwise(
        x, scale, 0, digit, weight.scales, weight.zeros, y, None, 1.0, 0, torch.float32, 1.0, 0, "sum", 1.0,
        activation, none, "none",
    )  # fmt: skip
    return result
