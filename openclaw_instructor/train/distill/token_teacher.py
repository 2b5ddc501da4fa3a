"""Compute a teacher's states of the tokens that its student reads, and its vector of each text.

A text's vector tells a student one direction; its token states tell it how every token should be read in its place, a
hundred times as much for the price of one pass of the teacher.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from openclaw_instructor.model.device import choose_training_dtype
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.train.distill.bert import PackedBert


class Reading(NamedTuple):
    """A teacher's view of prompts without their instructions.

    `states` (tokens, width) float32 are those of the pooled tokens, one prompt after the other; `vectors` (prompts,
    width) float32 are the L2-normalised means over whole texts.
    """

    states: Tensor
    vectors: Tensor


class TokenTeacher:
    """The transformers `BertModel` of a sentence embedding model that means its token states.

    `kept` maps the student's token ids to the network's.
    """

    def __init__(self, network: Any, kept: Sequence[int], device: torch.device) -> None:
        self.bert = PackedBert(network, device, choose_training_dtype("auto", device))
        self.kept = torch.tensor(list(kept), device=device)

    @torch.no_grad()
    def read(self, prompts: Sequence[Prompt]) -> Reading:
        """Run the teacher on prompts; neighbours of one length share a pass."""
        # With the token before the instruction, which enters no mean of the student's.
        lead = [prompt.ids[:1] if prompt.pool_from else [] for prompt in prompts]
        texts = [
            Prompt([*first, *prompt.ids[prompt.pool_from :]], len(first), truncated=False)
            for first, prompt in zip(lead, prompts, strict=True)
        ]
        batch = Packed.of(texts).to(self.kept.device)
        with torch.autocast(self.kept.device.type, enabled=False):
            states = self.bert.states(self.kept[batch.ids], batch.groups).float()
        lengths = torch.tensor([len(text.ids) for text in texts])
        starts = (lengths.cumsum(0) - lengths).to(states.device)
        everything = torch.arange(len(states), device=states.device)
        means = F.embedding_bag(everything, states, starts, mode="mean")
        return Reading(states[batch.pooled], F.normalize(means, dim=-1))


def states_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Compute the squared distance of token states (tokens, width) relative to the teacher's, whatever their scale."""
    scale = (student * teacher).sum() / student.pow(2).sum()
    return (scale.detach() * student - teacher).pow(2).sum() / teacher.pow(2).sum()
