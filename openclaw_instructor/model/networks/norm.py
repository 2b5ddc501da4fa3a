"""Define the norms of the supported networks as plain modules."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Scale each row to unit root mean square (Zhang and Sennrich, 2019); the statistics are always float32.

    With `centred` the rows must have zero mean: layer norm then computes the same with a fused kernel, which is several
    times faster on a CPU.
    """

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon
        self.centred = False

    def forward(self, hidden: Tensor) -> Tensor:
        """Normalise the rows (tokens, width) by LayerNorm if `centred`, else by RMSNorm."""
        if self.centred:
            return F.layer_norm(hidden, hidden.shape[-1:], self.weight, None, self.epsilon)
        scale = torch.rsqrt(hidden.float().pow(2).mean(-1, keepdim=True) + self.epsilon)
        return hidden * scale.to(hidden.dtype) * self.weight
