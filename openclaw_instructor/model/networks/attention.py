"""Attend within each prompt of a packed batch, group by group of equal length."""

# Without postponed annotations: TorchScript reads those of `Group` and `attend`.
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

# Names of activations in `config.json`.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class Group(NamedTuple):
    """Consecutive `prompts` of equal `length`, starting at token `start` of the packed row."""

    start: int
    prompts: int
    length: int

    @property
    def tokens(self) -> int:
        """The number of tokens of the group."""
        return self.prompts * self.length


def masks_of(bias: Tensor, groups: list[Group], rows: int, pad_keys: bool) -> list[Tensor]:
    """Cut the additive mask (1, heads, length, keys) of each group from a bias (1, heads, n, n).

    `pad_keys` rounds `keys` up to a multiple of 16 where the row of `rows` tokens goes on that far, which makes
    attention on a CPU a quarter faster; the padding has a bias of minus infinity.
    """
    masks: list[Tensor] = []
    for group in groups:
        padding = -group.length % 16
        own = bias[:, :, : group.length, : group.length]
        fits = pad_keys and padding > 0 and group.start + group.prompts * group.length + padding <= rows
        masks.append(F.pad(own, [0, padding], value=-math.inf) if fits else own)
    return masks


def attend(qkv: Tensor, groups: list[Group], masks: list[Tensor], heads: int, scale: float = 1.0) -> Tensor:
    """Compute attention (tokens, width) of `qkv` (tokens, 3 x width), without gradients.

    `masks` hold each group's bias (1, heads, length, keys); keys beyond the length have minus infinity. Tokens behind
    the last group are filler and get any finite value.
    """
    width, row = qkv.size(1) // 3, qkv.stride(0)
    head_width = width // heads
    mixed: list[Tensor] = []
    end = 0
    for group, mask in zip(groups, masks, strict=True):
        stride, start = [group.length * row, head_width, row, 1], group.start * row
        size = [group.prompts, heads, mask.size(-1), head_width]
        query = qkv.as_strided([group.prompts, heads, group.length, head_width], stride, start)
        # Padded keys and values are views of the following rows of the same tensor, so nothing is copied.
        key, value = qkv.as_strided(size, stride, start + width), qkv.as_strided(size, stride, start + 2 * width)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
        mixed.append(attended.transpose(1, 2).reshape(group.prompts * group.length, width))
        end = group.start + group.prompts * group.length
    if end < qkv.size(0):
        mixed.append(qkv[end:, 2 * width :])
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


def attend_with_gradients(qkv: Tensor, groups: Sequence[Group], masks: Sequence[Tensor], heads: int) -> Tensor:
    """Compute attention with gradients, also for the bias.

    Torch's fused attention has no gradient for the bias, and its unfused attention takes a third more time than this.
    """
    mixed = []
    # One split instead of slices, because its backward pass is a single concatenation.
    for group, rows, mask in zip(groups, qkv.split([g.tokens for g in groups]), masks, strict=True):
        parts = rows.view(group.prompts, group.length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts.reshape(3, group.prompts * heads, group.length, -1)
        bias = mask.expand(group.prompts, -1, -1, -1).reshape(-1, group.length, group.length)
        weights = torch.softmax(torch.baddbmm(bias, query, key.transpose(1, 2)), dim=-1)
        attended = torch.bmm(weights, value).view(group.prompts, heads, group.length, -1)
        mixed.append(attended.transpose(1, 2).reshape(group.tokens, -1))
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)
