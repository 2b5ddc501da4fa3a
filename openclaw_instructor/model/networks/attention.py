"""Attention within each prompt of a packed row, group by group of equal length."""

# Without postponed annotations: torch's compiler reads those of `Group` and `attend` themselves.
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


class Group(NamedTuple):
    """`prompts` neighbours of one `length`, starting at token `start` of the packed row."""

    start: int
    prompts: int
    length: int

    @property
    def tokens(self) -> int:
        return self.prompts * self.length


def masks_of(bias: Tensor, groups: list[Group], rows: int, reach: bool) -> list[Tensor]:
    """The position bias (1, heads, length, keys) of each group.

    On a CPU attention is a quarter faster when the number of keys is a multiple of its vectors, so there `keys` is
    rounded up where more of the pass's `rows` follow; what is not the prompt's own has a bias of minus infinity.
    """
    masks: list[Tensor] = []
    for group in groups:
        more = -group.length % 16
        own = bias[:, :, : group.length, : group.length]
        fits = reach and more > 0 and group.start + group.prompts * group.length + more <= rows
        masks.append(F.pad(own, [0, more], value=-math.inf) if fits else own)
    return masks


def attend(qkv: Tensor, groups: list[Group], masks: list[Tensor], heads: int) -> Tensor:
    """Attention (tokens, width) of `qkv` (tokens, 3 x width), without gradients.

    `masks` hold each group's position bias (1, heads, length, keys); keys beyond the length have minus infinity. Tokens
    behind the last group are filler and get any finite value.
    """
    width, row = qkv.size(1) // 3, qkv.stride(0)
    each = width // heads
    mixed: list[Tensor] = []
    end = 0
    for group, mask in zip(groups, masks, strict=True):
        stride, start = [group.length * row, each, row, 1], group.start * row
        size = [group.prompts, heads, mask.size(-1), each]
        query = qkv.as_strided([group.prompts, heads, group.length, each], stride, start)
        # Keys may reach over the rows that follow: they lie in the same tensor, so that copies nothing.
        key, value = qkv.as_strided(size, stride, start + width), qkv.as_strided(size, stride, start + 2 * width)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
        mixed.append(attended.transpose(1, 2).reshape(group.prompts * group.length, width))
        end = group.start + group.prompts * group.length
    if end < qkv.size(0):
        mixed.append(qkv[end:, 2 * width :])
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


def attend_learning(qkv: Tensor, groups: Sequence[Group], masks: Sequence[Tensor], heads: int) -> Tensor:
    """The same with gradients. Fused attention has none for a bias that learns; torch's own way takes a third more."""
    mixed = []
    # One split, not a slice per group: its backward is a single concatenation.
    for group, rows, mask in zip(groups, qkv.split([g.tokens for g in groups]), masks, strict=True):
        parts = rows.view(group.prompts, group.length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts.reshape(3, group.prompts * heads, group.length, -1)
        bias = mask.expand(group.prompts, -1, -1, -1).reshape(-1, group.length, group.length)
        weights = torch.softmax(torch.baddbmm(bias, query, key.transpose(1, 2)), dim=-1)
        attended = torch.bmm(weights, value).view(group.prompts, heads, group.length, -1)
        mixed.append(attended.transpose(1, 2).reshape(group.tokens, -1))
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)
