"""Compute the two-way contrastive loss over a batch of one task.

A query has to find its positive among the batch's positives and hard negatives, and a positive its query among the
batch's queries (InfoNCE both ways; Su et al., "One Embedder, Any Task", ACL 2023, section 2.3). Texts that are equal,
or records known to share a label, are never held against each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from openclaw_instructor.train.medi import Pair


def info_nce(vectors: Tensor, forward: Tensor, backward: Tensor, temperature: float) -> Tensor:
    """Compute the scalar loss of `vectors` (2n + m, dimension), L2-normalised: n queries, n positives, m negatives.

    `forward` (n, n + m) and `backward` (n, n), bool: which candidates count; own pairs (the diagonals) always must.
    """
    count = len(forward)
    queries, candidates = vectors[:count], vectors[count:]
    own = torch.arange(count, device=vectors.device)
    there = (queries @ candidates.T / temperature).masked_fill(~forward, float("-inf"))
    back = (candidates[:count] @ queries.T / temperature).masked_fill(~backward, float("-inf"))
    return F.cross_entropy(there, own) + F.cross_entropy(back, own)


def allowed(
    queries: Sequence[Pair],
    positives: Sequence[Pair],
    negatives: Sequence[Pair],
    labels: Sequence[str | None],
    negative_labels: Sequence[str | None],
    in_batch: str = "all",
) -> tuple[Tensor, Tensor]:
    """Make the masks of `info_nce`.

    With `in_batch="negatives"` the positives of other records do not count where there are hard negatives, as in the
    authors' own code.
    """
    texts = [text for _, text in (*queries, *positives, *negatives)]
    numbers = _numbered(texts)
    count = len(queries)
    query, positive, candidates = numbers[:count], numbers[count : 2 * count], numbers[count:]
    forward = (candidates[None] != positive[:, None]) & (candidates[None] != query[:, None])
    backward = (query[None] != query[:, None]) & (positive[None] != positive[:, None])
    label, candidate_label = _numbered(labels), _numbered([*labels, *labels, *negative_labels])[count:]
    same = (candidate_label[None] == label[:, None]) & (label[:, None] >= 0)
    forward &= ~same
    backward &= ~same[:, :count]
    if in_batch == "negatives" and negatives:
        forward[:, :count] = False
    own = torch.arange(count)
    forward[own, own] = backward[own, own] = True
    return forward, backward


def _numbered(values: Sequence[str | None]) -> Tensor:
    """Give each distinct value a number; None is -1."""
    numbers: dict[str, int] = {}
    return torch.tensor([-1 if value is None else numbers.setdefault(value, len(numbers)) for value in values])
