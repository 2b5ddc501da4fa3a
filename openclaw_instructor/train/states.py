"""A teacher's state of every token, for a student that reads the same tokens.

A text's vector tells a student one direction; its token states tell it how every token should be read in its place, a
hundred times as much for the price of one pass of the teacher.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from openclaw_instructor.model.device import choose_training_dtype
from openclaw_instructor.model.prompt import Prompt

TOGETHER = 16  # prompts of a padded pass; neighbours are of like length


class TokenTeacher:
    """The transformers network of a sentence embedding model that means its token states.

    `kept` maps the student's token ids to the network's.
    """

    def __init__(self, network: Any, kept: Sequence[int], device: torch.device) -> None:
        # A copy: whoever gave it may go on computing with it.
        self.network = deepcopy(network).to(device, choose_training_dtype("auto", device)).eval()
        self.kept = torch.tensor(list(kept), device=device)

    @torch.no_grad()
    def states(self, prompts: Sequence[Prompt]) -> Tensor:
        """(tokens, width) float32 of the tokens that enter the means, prompt after prompt, without instructions."""
        return torch.cat(
            [
                row
                for start in range(0, len(prompts), TOGETHER)
                for row in self._padded(prompts[start : start + TOGETHER])
            ]
        )

    def _padded(self, prompts: Sequence[Prompt]) -> list[Tensor]:
        lead = [prompt.ids[:1] if prompt.pool_from else [] for prompt in prompts]
        texts = [[*first, *prompt.ids[prompt.pool_from :]] for first, prompt in zip(lead, prompts, strict=True)]
        width = max(map(len, texts))
        ids = torch.tensor([[*text, *[0] * (width - len(text))] for text in texts], device=self.kept.device)
        mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts], device=self.kept.device)
        with torch.autocast(self.kept.device.type, enabled=False):
            states = self.network(input_ids=self.kept[ids], attention_mask=mask).last_hidden_state.float()
        return [states[row, len(first) : len(text)] for row, (first, text) in enumerate(zip(lead, texts, strict=True))]


def states_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance of token states (tokens, width), as a share of the teacher's square, whatever their scale."""
    scale = (student * teacher).sum() / student.pow(2).sum()
    return (scale.detach() * student - teacher).pow(2).sum() / teacher.pow(2).sum()
