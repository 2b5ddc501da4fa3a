"""Compute float32 matrix products from int8 products, on processors that multiply int8 many times as fast.

Each row of both factors is scaled to whole numbers of 23 bits, and these are split into three digits of base 256.
Products of digits are exact; of the nine, the six greatest are summed, and the rest is less than what a float32 sum
rounds away. This is Ozaki splitting (Ozaki et al., Numerical Algorithms, 2012; with int8 Ootomo et al., 2024).
"""

# Without postponed annotations: TorchScript reads those of the functions.
from typing import NamedTuple

import torch
from torch import Tensor

from openclaw_instructor.model.device import has_amx
from openclaw_instructor.model.torch_private import onednn_int8_linear, onednn_int8_linear_add, pack_int8_for_onednn

# The integer that a row's greatest magnitude becomes; rounded up, its first digit is still 127.
STEPS = 127.0 * 65_536
# Rows split at a time, so that they stay in the cache between the steps.
BLOCK_ROWS = 64
# Up to this many rows, each digit of the weight is read once for all digits of the rows, because reading dominates.
FEW_ROWS = 64
# The least width of a stream at which it is faster than float32 itself.
MIN_WIDTH = 512


class SplitWeight(NamedTuple):
    """A weight (out, in) as three int8 digits in oneDNN's layout, with the scale of each row."""

    high: Tensor
    middle: Tensor
    low: Tensor
    scales: Tensor
    zeros: Tensor

    @classmethod
    def of(cls, weight: Tensor) -> "SplitWeight":
        """Split a float32 weight (out, in)."""
        scale = weight.abs().amax(1, keepdim=True).clamp_(min=1e-12)
        high, middle, low = (pack_int8_for_onednn(digit) for digit in split(weight, scale))
        # Both factors are integers in the product, and the rows have a scale of one.
        scales = scale[:, 0] * (65_536 / STEPS) ** 2
        return cls(high, middle, low, scales, torch.zeros(len(weight), dtype=torch.long))


def is_supported(dtype: torch.dtype, device: torch.device, width: int) -> bool:
    """Whether it is the faster way to float32 here: with AMX, on streams wide enough to outweigh six calls."""
    return dtype == torch.float32 and width >= MIN_WIDTH and has_amx(device)


def split(rows: Tensor, scale: Tensor, steps: float = STEPS, block: int = BLOCK_ROWS) -> Tensor:
    """Split `rows` (n, in) with greatest magnitudes `scale` (n, 1) into int8 digits (3, n, in), highest first."""
    result = torch.empty([3, rows.size(0), rows.size(1)], dtype=torch.int8)
    factors = steps / scale
    for some, factor, digits in zip(rows.split(block), factors.split(block), result.split(block, 1), strict=True):
        left = (some * factor).round_().to(torch.int32)
        # The conversion keeps the lowest eight bits, a digit from -128 to 127.
        digits[2].copy_(left)
        digits[1].copy_(left.add_(128).bitwise_right_shift_(8))
        digits[0].copy_(left.add_(128).bitwise_right_shift_(8))
    return result


def split_linear(digits: Tensor, weight: SplitWeight, activation: str, few: int = FEW_ROWS) -> Tensor:
    """Float32 product (n, out) of rows given as digits (3, n, in) of scale one; `activation` is "relu" or "none"."""
    # Summed from the smallest terms to the greatest, to lose no digits.
    scales, zeros = weight.scales, weight.zeros
    if digits.size(1) > few:
        high, middle, low = digits[0], digits[1], digits[2]
        y = onednn_int8_linear(high, 1.0 / 65_536, 0, weight.low, scales, zeros, "none")
        y = onednn_int8_linear_add(y, middle, 1.0 / 65_536, weight.middle, scales, zeros, "none")
        y = onednn_int8_linear_add(y, low, 1.0 / 65_536, weight.high, scales, zeros, "none")
        y = onednn_int8_linear_add(y, high, 1.0 / 256, weight.middle, scales, zeros, "none")
        y = onednn_int8_linear_add(y, middle, 1.0 / 256, weight.high, scales, zeros, "none")
        return onednn_int8_linear_add(y, high, 1.0, weight.high, scales, zeros, activation)
    n = digits.size(1)
    stacked = digits.flatten(0, 1)
    first = onednn_int8_linear(stacked, 1.0, 0, weight.high, scales, zeros, "none")
    second = onednn_int8_linear_add(first[n:], stacked[: 2 * n], 1.0, weight.middle, scales, zeros, "none")
    third = onednn_int8_linear_add(second[n:], stacked[:n], 1.0, weight.low, scales, zeros, "none")
    y = first[:n].add_(second[:n].add_(third, alpha=1.0 / 256), alpha=1.0 / 256)
    return y.relu_() if activation == "relu" else y
