"""Pack prompts into a batch: sorted by length, concatenated without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from openclaw_instructor.model.batching import rounded_up, row_of
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
        row = row_of(prompts, pooling)
        ids = [*row.ids, *[0] * (rounded_up(len(row.ids)) - len(row.ids))] if rounded else row.ids
        # Explicit, because a process may have set another default device; `to` moves the tensors.
        made = [torch.tensor(numbers, dtype=torch.int64, device="cpu") for numbers in (ids, row.pooled, row.starts)]
        return cls(made[0], made[1], made[2], [Group(*group) for group in row.groups])

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
