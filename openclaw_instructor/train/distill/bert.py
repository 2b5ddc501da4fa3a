"""Run a BERT teacher (Devlin et al., 2019) on packed batches.

Without padding a pass takes half the time of the transformers network's own.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from openclaw_instructor.model.networks.attention import Group, attend, masks_of


class Projection(NamedTuple):
    """Query, key and value of a layer in one product; the logits' scale is in it."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, attention: Any, scale: float) -> Projection:
        """Copy the weights of a transformers `BertSelfAttention`."""
        query, key, value = attention.query, attention.key, attention.value
        return cls(
            torch.cat([query.weight * scale, key.weight, value.weight]).detach(),
            torch.cat([query.bias * scale, key.bias, value.bias]).detach(),
        )


class PackedBert:
    """The layers of a transformers `BertModel`, a copy of which is moved to `device` and `dtype`."""

    def __init__(self, network: Any, device: torch.device, dtype: torch.dtype) -> None:
        self.heads = network.config.num_attention_heads
        scale = (network.config.hidden_size // self.heads) ** -0.5
        # A copy, because the caller may still use the model.
        network = deepcopy(network).to(device, dtype).eval()
        self.embeddings, self.layers = network.embeddings, network.encoder.layer
        self.projections = [Projection.of(layer.attention.self, scale) for layer in self.layers]

    @torch.no_grad()
    def states(self, ids: Tensor, groups: list[Group]) -> Tensor:
        """Return the last states (tokens, width) of a packed row of token ids (tokens,)."""
        masks = self._masks(groups, len(ids))
        states = self._embedded(ids, groups)
        for layer, projection in zip(self.layers, self.projections, strict=True):
            mixed = attend(F.linear(states, *projection), groups, masks, self.heads)
            after = layer.attention.output
            states = after.LayerNorm(states + after.dense(mixed))
            fed = F.gelu(layer.intermediate.dense(states))
            states = layer.output.LayerNorm(states + layer.output.dense(fed))
        return states

    def _embedded(self, ids: Tensor, groups: list[Group]) -> Tensor:
        parts = self.embeddings
        positions = torch.cat([torch.arange(group.length).repeat(group.prompts) for group in groups]).to(ids.device)
        words = parts.word_embeddings(ids) + parts.token_type_embeddings.weight[0]
        states: Tensor = parts.LayerNorm(words + parts.position_embeddings(positions))
        return states

    def _masks(self, groups: list[Group], rows: int) -> list[Tensor]:
        """Return zeros: a BERT has no position bias, but the padded keys of attention need one."""
        longest = max(group.length for group in groups)
        none = self.projections[0].weight.new_zeros(1, 1, longest, longest)
        return masks_of(none, groups, rows, pad_keys=none.device.type == "cpu")
