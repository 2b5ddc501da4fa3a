"""Which prompts share a forward pass: sorted by length, bounded by a token budget, concatenated without padding."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import torch

from openclaw_instructor.model.attention import Group

if TYPE_CHECKING:
    from openclaw_instructor.model.prompt import Prompt


@dataclass(frozen=True)
class Packed:
    """A batch as one row of tokens.

    ids (tokens,) int64; pooled (p,) int64: the positions that enter the means, prompt after prompt; starts (prompts,)
    int64: where in `pooled` each prompt begins; groups: runs of equal length, in order. Tokens behind the last group
    belong to no prompt.
    """

    ids: torch.Tensor
    pooled: torch.Tensor
    starts: torch.Tensor
    groups: list[Group]

    @classmethod
    def of(cls, prompts: Sequence[Prompt], *, rounded: bool = False) -> Packed:
        """Pack prompts that are already sorted by length; `rounded` fills the row up to one of few sizes."""
        ids: list[int] = []
        pooled: list[int] = []
        starts: list[int] = []
        for prompt in prompts:
            starts.append(len(pooled))
            pooled.extend(range(len(ids) + prompt.pool_from, len(ids) + len(prompt.ids)))
            ids.extend(prompt.ids)
        if rounded:
            ids.extend([0] * (rounded_up(len(ids)) - len(ids)))
        return cls(torch.tensor(ids), torch.tensor(pooled), torch.tensor(starts), _groups(prompts))

    def to(self, device: torch.device) -> Packed:
        if device.type == "cpu":
            return self

        def move(tensor: torch.Tensor) -> torch.Tensor:
            # Pinned memory lets the copy run beside the previous batch.
            source = tensor.pin_memory() if device.type == "cuda" else tensor
            return source.to(device, non_blocking=True)

        return Packed(move(self.ids), move(self.pooled), move(self.starts), self.groups)


def rounded_up(tokens: int) -> int:
    """The next of some forty sizes. oneDNN prepares and keeps a kernel for every number of rows, of near 1 MB each,
    so rows of every size would fill memory without end."""
    step = 8 if tokens <= 64 else 32 if tokens <= 512 else 64 if tokens <= 1_024 else 128
    return -(-tokens // step) * step


def _groups(prompts: Sequence[Prompt]) -> list[Group]:
    groups: list[Group] = []
    start = 0
    for length, run in groupby(len(p.ids) for p in prompts):
        groups.append(Group(start, sum(1 for _ in run), length))
        start += groups[-1].tokens
    return groups


def batches(lengths: Sequence[int], budget: int, cores: int = 1) -> Iterator[list[int]]:
    """Indices in order of length, longest first, cut so that no batch exceeds `budget` tokens (one text always fits).

    The batches are of like size and their number a multiple of `cores`, so that no core has nothing left while another
    still works, and that few sizes of pass occur. Longest first: the peak of memory comes with the first batch, not
    after an hour; the shortest texts fill what the long ones leave of a batch.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    total = sum(min(length, budget) for length in lengths)
    # Batches end between texts, so they fill the budget but for half a text.
    filled = max(budget // 2, budget - max(lengths, default=0) // 2)
    share = total / (max(1, -(-total // (filled * cores))) * cores)
    left, taken, end = deque(order), 0, share
    while left:
        long, short = [left.popleft()], []
        tokens = lengths[long[0]]
        while left and taken + tokens + lengths[left[0]] <= end and tokens + lengths[left[0]] <= budget:
            long.append(left.popleft())
            tokens += lengths[long[-1]]
        while left and taken + tokens + lengths[left[-1]] / 2 <= end and tokens + lengths[left[-1]] <= budget:
            short.append(left.pop())
            tokens += lengths[short[-1]]
        yield long + short[::-1]
        taken, end = taken + min(tokens, budget), end + share
