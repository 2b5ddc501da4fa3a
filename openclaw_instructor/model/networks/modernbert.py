"""Define ModernBERT on packed batches (Warner et al., 2024).

Rotary positions, a norm before each branch and none before the first attention, a gated feed-forward; two layers of
three attend only to a window around each token.
"""

# Without postponed annotations: TorchScript reads those of the methods.
import math

import torch
from torch import Tensor, nn

from openclaw_instructor.model.networks.attention import Group, attend, masks_of
from openclaw_instructor.model.networks.bert import Activation
from openclaw_instructor.model.networks.table import Table
from openclaw_instructor.model.shapes import ModernBertShape
from openclaw_instructor.model.torch_private import not_scripted


def rotary_tables(length: int, width: int, base: float) -> Tensor:
    """Compute cosines and sines (2, length, width) of rotary positions (Su et al., RoFormer, 2021)."""
    frequencies = base ** -(torch.arange(0, width, 2, dtype=torch.float32) / width)
    angles = torch.arange(length, dtype=torch.float32)[:, None] * frequencies
    angles = torch.cat([angles, angles], dim=1)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(qkv: Tensor, heads: int, tables: Tensor) -> Tensor:
    """Rotate queries and keys of `qkv` (tokens, 3 x width) by their positions; `tables` (2, tokens, head width)."""
    parts = qkv.view(qkv.size(0), 3, heads, -1)
    turned = parts[:, :2].float()
    half = turned.size(-1) // 2
    swapped = torch.cat([-turned[..., half:], turned[..., :half]], dim=-1)
    cosines, sines = tables[0][:, None, None], tables[1][:, None, None]
    rotated = (turned * cosines + swapped * sines).to(qkv.dtype)
    return torch.cat([rotated, parts[:, 2:]], dim=1).view_as(qkv)


def _norm(shape: ModernBertShape) -> nn.LayerNorm:
    return nn.LayerNorm(shape.width, shape.epsilon, bias=shape.has_norm_biases)


class ModernBertLayer(nn.Module):
    """Self-attention and gated feed-forward, each with a norm before it and a residual around it."""

    def __init__(self, shape: ModernBertShape, index: int) -> None:
        super().__init__()
        self.heads, self.scale, self.is_global = shape.heads, shape.head_width**-0.5, shape.is_global[index]
        self.attention_norm = _norm(shape) if index else nn.Identity()
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=shape.has_biases)
        self.out = nn.Linear(shape.width, shape.width, bias=shape.has_biases)
        self.feed_norm = _norm(shape)
        self.up = nn.Linear(shape.width, 2 * shape.inner, bias=shape.has_biases)
        self.activation = Activation(shape.activation)
        self.down = nn.Linear(shape.inner, shape.width, bias=shape.has_biases)

    def forward(self, states: Tensor, groups: list[Group], masks: list[Tensor], tables: Tensor) -> Tensor:
        """Compute the states (tokens, width) after the layer."""
        qkv = rotate(self.qkv(self.attention_norm(states)), self.heads, tables)
        states = states + self.out(attend(qkv, groups, masks, self.heads, self.scale))
        inner, gate = self.up(self.feed_norm(states)).chunk(2, dim=-1)
        fed: Tensor = states + self.down(self.activation(inner) * gate)
        return fed


class ModernBertEncoder(nn.Module):
    """Computes token states of packed token ids."""

    def __init__(self, shape: ModernBertShape) -> None:
        super().__init__()
        self.window, self.head_width = shape.window, shape.head_width
        self.global_base, self.local_base = shape.global_base, shape.local_base
        self.tokens = Table(shape.vocab_size, shape.width)
        self.norm = _norm(shape)
        self.layers = nn.ModuleList(ModernBertLayer(shape, index) for index in range(shape.layers))
        self.final_norm = _norm(shape)

    @not_scripted  # type: ignore[untyped-decorator]
    def prepare(self, length: int) -> list[Tensor]:
        """Compute attention biases and rotary tables for texts of up to `length` tokens.

        The biases of global and local layers are (1, 1, length, length), their rotary tables (2, length, head width).
        """
        positions = torch.arange(length)
        beyond = (positions[:, None] - positions[None, :]).abs() > self.window
        local = torch.zeros(length, length).masked_fill_(beyond, -math.inf)[None, None]
        tables = [rotary_tables(length, self.head_width, base) for base in (self.global_base, self.local_base)]
        device = self.tokens.weight.device
        return [part.to(device) for part in (torch.zeros(1, 1, length, length), local, *tables)]

    def forward(self, ids: Tensor, groups: list[Group], prepared: list[Tensor], pad_keys: bool) -> Tensor:
        """Compute states (tokens, width) float32; padding rows have arbitrary finite values."""
        states = self.norm(self.tokens(ids).float())
        rows, rotary = len(ids), self._positions_of(ids, groups)
        global_masks = masks_of(prepared[0], groups, rows, pad_keys)
        local_masks = masks_of(prepared[1], groups, rows, pad_keys)
        global_tables, local_tables = prepared[2][:, rotary], prepared[3][:, rotary]
        for layer in self.layers:
            if layer.is_global:
                states = layer(states, groups, global_masks, global_tables)
            else:
                states = layer(states, groups, local_masks, local_tables)
        normed: Tensor = self.final_norm(states)
        return normed

    def _positions_of(self, ids: Tensor, groups: list[Group]) -> Tensor:
        positions = torch.zeros_like(ids)
        for group in groups:
            counted = torch.arange(group.length, device=ids.device)
            positions[group.start : group.start + group.prompts * group.length] = counted.repeat(group.prompts)
        return positions
