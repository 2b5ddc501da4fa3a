"""Fit the relative position bias of a T5 to what a BERT's heads do by position.

BERT adds a vector for each position to its tokens, and many of its heads look at a neighbour, whatever that is. A T5
has a bias for each head and distance, which all its layers share. The heads of a layer may stand in any order, though:
here they are put so that those of one number want a like bias in every layer, and the shared one is their mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_ROUNDS = 20


class Lack:
    """What a layer's attention lacks when it knows nothing of positions: a bias for each head and distance bucket."""

    def __init__(self, heads: int, buckets: int) -> None:
        self.sums = torch.zeros(heads, buckets)
        self.counts = torch.zeros(buckets)

    def add(self, difference: Tensor, buckets: Tensor) -> None:
        """Add a text: `difference` (heads, length, length) of its logits, `buckets` (length, length) of its distances.

        An offset that all keys of a query share is removed, because the softmax ignores it.
        """
        difference = difference - difference.mean(dim=-1, keepdim=True)
        self.sums.index_add_(1, buckets.flatten(), difference.flatten(1))
        self.counts += torch.bincount(buckets.flatten(), minlength=len(self.counts))

    @property
    def mean(self) -> Tensor:
        """Return the bias (heads, buckets), zero on average over the distances that occur."""
        mean = self.sums / self.counts.clamp(min=1)
        return mean - (mean @ self.counts / self.counts.sum())[:, None]


def shared_bias(lacks: Sequence[Lack]) -> tuple[list[Tensor], Tensor]:
    """Find (the order of each layer's heads, the bias (buckets, heads) of all layers) that explain most of the lack.

    Assigning each layer's heads to the common ones and taking the mean of those assigned, in turn, as k-means does.
    """
    weight = (lacks[0].counts / lacks[0].counts.sum()).sqrt()
    wanted = [lack.mean for lack in lacks]
    common = max(wanted, key=lambda layer: float((layer * weight).pow(2).sum()))
    orders: list[Tensor] = []
    for _ in range(_ROUNDS):
        orders = [_assigned(layer * weight, common * weight) for layer in wanted]
        common = torch.stack([layer[order] for layer, order in zip(wanted, orders, strict=True)]).mean(dim=0)
    return orders, common.T


def _assigned(heads: Tensor, common: Tensor) -> Tensor:
    """Assign `heads` (heads, buckets) to the common ones, so that the sum of squared differences is least."""
    from scipy.optimize import linear_sum_assignment

    costs = (common[:, None] - heads[None]).pow(2).sum(dim=-1)
    return torch.from_numpy(linear_sum_assignment(costs.numpy())[1])
