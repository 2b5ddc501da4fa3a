"""Pack prompts into batches: sorted by length, bounded by a token budget, concatenated without padding."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import torch

from openclaw_instructor.model.networks.attention import Group

if TYPE_CHECKING:
    from openclaw_instructor.model.prompt import Prompt


@dataclass(frozen=True)
class Packed:
    """A batch as one row of tokens.

    `ids` (tokens,) int64; `pooled` (p,) int64, the positions that enter the means, prompt after prompt; `starts`
    (prompts,) int64, where in `pooled` each prompt begins; `groups`, runs of equal length, in order. Tokens after the
    last group are padding of the row.
    """

    ids: torch.Tensor
    pooled: torch.Tensor
    starts: torch.Tensor
    groups: list[Group]

    @classmethod
    def of(cls, prompts: Sequence[Prompt], *, rounded: bool = False, pooling: str = "mean") -> Packed:
        """Pack prompts that are sorted by length; `rounded` pads the row to one of few sizes.

        `pooling` says which tokens enter a prompt's mean: with "mean" all after its instruction, with "cls" the first,
        with "lasttoken" the last.
        """
        ids: list[int] = []
        pooled: list[int] = []
        starts: list[int] = []
        for prompt in prompts:
            starts.append(len(pooled))
            first = len(ids) + (0 if pooling == "cls" else prompt.pool_from)
            end = len(ids) + len(prompt.ids)
            pooled.extend([first] if pooling == "cls" else [end - 1] if pooling == "lasttoken" else range(first, end))
            ids.extend(prompt.ids)
        if rounded:
            ids.extend([0] * (rounded_up(len(ids)) - len(ids)))
        # Explicit, because a process may have set another default device; `to` moves the tensors.
        made = [torch.tensor(numbers, dtype=torch.int64, device="cpu") for numbers in (ids, pooled, starts)]
        return cls(made[0], made[1], made[2], _groups(prompts))

    @property
    def longest(self) -> int:
        """The number of tokens of the longest prompt."""
        return max(group.length for group in self.groups)

    def to(self, device: torch.device) -> Packed:
        """Copy the batch to another device."""
        if device.type == "cpu":
            return self

        def move(tensor: torch.Tensor) -> torch.Tensor:
            # Pinned memory lets the copy run beside the previous batch.
            source = tensor.pin_memory() if device.type == "cuda" else tensor
            return source.to(device, non_blocking=True)

        return Packed(move(self.ids), move(self.pooled), move(self.starts), self.groups)


def rounded_up(tokens: int) -> int:
    """Round a number of tokens up to one of about fifty sizes.

    oneDNN keeps a kernel of nearly 1 MB for every number of rows, so arbitrary sizes would fill memory.
    """
    step = 4 if tokens <= 64 else 32 if tokens <= 512 else 64 if tokens <= 1_024 else 128
    return -(-tokens // step) * step


def _groups(prompts: Sequence[Prompt]) -> list[Group]:
    groups: list[Group] = []
    start = 0
    for length, run in groupby(len(p.ids) for p in prompts):
        groups.append(Group(start, sum(1 for _ in run), length))
        start += groups[-1].tokens
    return groups


def batches(lengths: Sequence[int], budget: int, cores: int = 1) -> Iterator[list[int]]:
    """Yield the indices of each batch, longest texts first; no batch exceeds `budget` tokens (one text always fits).

    The batches are of about equal size, and their number is a multiple of `cores`, so that no core idles while another
    still works. Each takes the longest texts that still fit. So memory use peaks in the first batch and not after an
    hour, and the room that long texts leave is filled by the best fit: `rounded_up` adds hardly a token, and few sizes
    of pass occur.
    """
    left = _Remaining(lengths)
    tokens = sum(min(length, budget) for length in lengths)
    count = -(-tokens // (budget * cores)) * cores
    while left:
        share = min(budget, rounded_up(-(-tokens // max(1, count))))
        batch: list[int] = []
        taken, fits = 0, left.greatest
        while (index := left.take(fits)) is not None:
            batch.append(index)
            taken += lengths[index]
            fits = share - taken
        yield batch
        tokens, count = tokens - min(taken, budget), count - 1


class _Remaining:
    """Indices not yet taken, by length."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._of: dict[int, list[int]] = {}
        for index in reversed(range(len(lengths))):
            self._of.setdefault(lengths[index], []).append(index)
        self._lengths = sorted(self._of)

    def __bool__(self) -> bool:
        return bool(self._lengths)

    @property
    def greatest(self) -> int:
        """The greatest remaining length."""
        return self._lengths[-1]

    def take(self, most: int) -> int | None:
        """Remove and return the first index of the greatest length that is at most `most`."""
        at = bisect_right(self._lengths, most) - 1
        if at < 0:
            return None
        length = self._lengths[at]
        index = self._of[length].pop()
        if not self._of[length]:
            del self._of[length], self._lengths[at]
        return index
