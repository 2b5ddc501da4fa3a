"""Define the T5 encoder with its pooling, as a plain torch module on packed batches.

It is used for training, and as the reference for tests of the kernels of `model/inference`.

All tokens of a batch lie in one row, so that no matrix product multiplies padding; attention runs per group of equal
length. T5 as in Raffel et al., JMLR 2020: pre-norm with RMSNorm, ReLU or GELU, no scaling in attention, and a relative
position bias that all layers share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from openclaw_instructor.model.networks.attention import ACTIVATIONS, attend, attend_with_gradients, masks_of
from openclaw_instructor.model.networks.norm import RMSNorm
from openclaw_instructor.model.networks.position import position_bias
from openclaw_instructor.model.networks.state_dict import T5Tensors
from openclaw_instructor.model.networks.table import Table
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.shapes import T5Shape

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint


class T5Layer(nn.Module):
    """Self-attention and feed-forward, each with a norm before it and a residual around it."""

    def __init__(self, shape: T5Shape) -> None:
        super().__init__()
        self.heads, self.head_width, self.activation = shape.heads, shape.head_width, shape.activation
        self.attention_norm = RMSNorm(shape.width, shape.epsilon)
        self.qkv = nn.Linear(shape.width, 3 * shape.attention_width, bias=False)
        self.out = nn.Linear(shape.attention_width, shape.width, bias=False)
        self.feed_norm = RMSNorm(shape.width, shape.epsilon)
        self.up = nn.Linear(shape.width, shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, hidden: Tensor, batch: Packed, masks: list[Tensor]) -> Tensor:
        """Compute states (tokens, width); `masks` hold each group's bias, (1, heads, length, length)."""
        qkv = self.qkv(self.attention_norm(hidden))
        # Check the product, because under no_grad nothing needs a gradient, whatever the weights say.
        mix = attend_with_gradients if qkv.requires_grad else attend
        hidden = hidden + self.out(mix(qkv, batch.groups, masks, self.heads))
        fed: Tensor = hidden + self.down(ACTIVATIONS[self.activation](self.up(self.feed_norm(hidden))))
        return fed


class T5Encoder(nn.Module):
    """Embeds packed token ids: layers, final norm, mean over the pooled tokens, projection, normalisation."""

    def __init__(self, shape: T5Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = Table(shape.vocab_size, shape.width)
        self.position = Table(shape.buckets, shape.heads)
        self.layers = nn.ModuleList(T5Layer(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width, shape.epsilon)
        self.dense = nn.Linear(shape.width, shape.dimension, bias=False)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> T5Encoder:
        """Read float32 weights, ready to train. Raises InvalidCheckpoint for tensors that do not fit `config.json`."""
        shape = checkpoint.t5_shape()
        with torch.device("meta"):
            encoder = cls(shape)
        tensors = T5Tensors(checkpoint.tensors(), shape, str(checkpoint.folder))
        encoder.load_state_dict(tensors.outside_layers(), strict=False, assign=True)
        for index, layer in enumerate(encoder.blocks()):
            layer.load_state_dict(tensors.layer(index), assign=True)
        return encoder.requires_grad_(True)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.dense.weight.device

    def forward(self, batch: Packed) -> Tensor:
        """Compute embeddings (prompts, dimension) float32, L2-normalised if the checkpoint says so."""
        return self.pool(self.hidden(batch), batch)

    def pool(self, hidden: Tensor, batch: Packed) -> Tensor:
        """Compute the embeddings of a batch from its states before the final norm."""
        mean = F.embedding_bag(batch.pooled, self.norm(hidden.float()), batch.starts, mode="mean")
        device = mean.device.type
        with torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext():
            embedding: Tensor = self.dense(mean)
            return F.normalize(embedding, dim=-1) if self.shape.normalize else embedding

    def token_states(self, hidden: Tensor) -> Tensor:
        """Compute token states (tokens, width) float32 after the final norm, from those before it."""
        states: Tensor = self.norm(hidden.float())
        return states

    def hidden(self, batch: Packed) -> Tensor:
        """Compute token states (tokens, width) before the final norm."""
        hidden: Tensor = self.tokens(batch.ids)
        device = hidden.device.type
        if torch.is_autocast_enabled(device):
            hidden = hidden.to(torch.get_autocast_dtype(device))
        bias = self.position_bias(batch.longest).to(hidden.dtype)
        masks = masks_of(bias, batch.groups, len(batch.ids), pad_keys=False)
        for layer in self.blocks():
            hidden = layer(hidden, batch, masks)
        return hidden

    def blocks(self) -> Iterator[T5Layer]:
        """Yield the layers in order, with their type."""
        for layer in self.layers:
            assert isinstance(layer, T5Layer)
            yield layer

    def position_bias(self, length: int) -> Tensor:
        """Compute the bias (1, heads, length, length) of attention scores."""
        return position_bias(self.position.weight, length, self.shape.max_distance)
