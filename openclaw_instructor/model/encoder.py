"""The T5 encoder on packed batches: masked mean -> dense -> normalise.

All tokens of a batch lie in one row, so no matrix product ever multiplies padding; attention runs per group of equal
length. The same module trains (autograd, autocast) and serves (norms folded into the products, weights packed).

T5 as in Raffel et al., JMLR 2020: pre-norm with RMSNorm, ReLU or GELU, no scaling in attention, and a relative
position bias that all layers share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.product import Product
from openclaw_instructor.model.t5 import Reader

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint, Shape


KEY_STEP = 16


class RMSNorm(nn.Module):
    """Scale to unit root mean square; the statistics are float32 whatever the input.

    Serving, it takes float32 and gives `dtype`, that of the product behind it.
    `centred` promises a residual stream of zero mean, where layer norm is the same function with a fused kernel.
    """

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight: nn.Parameter | None = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon
        self.centred = False
        self.folded: Tensor | None = None
        self.dtype = torch.float32
        self.floor = torch.tensor(math.sqrt(width * epsilon), device="cpu")

    def forward(self, hidden: Tensor) -> Tensor:
        if self.folded is not None:
            # Root of the sum, not the mean: the factor between them is in the folded weight.
            length: Tensor = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
            return (hidden / length.hypot_(self.floor)).to(self.dtype)
        if self.centred:
            return F.layer_norm(hidden, hidden.shape[-1:], self.weight, None, self.epsilon)
        assert self.weight is not None
        scale = torch.rsqrt(hidden.float().pow(2).mean(-1, keepdim=True) + self.epsilon)
        return hidden * scale.to(hidden.dtype) * self.weight

    # Without nn.Module's hooks, here and below: nothing uses them, and a short query pays for them a hundred times.
    __call__: Callable[..., Tensor] = forward

    def fold_into(self, product: nn.Linear) -> None:
        """Let `product` carry the norm's weight, so that serving it is one division; `folded` is what it left out."""
        assert self.weight is not None
        width = self.weight.shape[0]
        self.folded = self.weight.detach() * math.sqrt(width)
        product.weight = nn.Parameter(product.weight.detach() * self.folded)
        self.weight = None


class Layer(nn.Module):
    """Self-attention and feed-forward, each behind a norm and beside a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        inside = shape.heads * shape.head_width
        self.heads, self.head_width, self.activation = shape.heads, shape.head_width, shape.activation
        self.attention_norm = RMSNorm(shape.width, shape.epsilon)
        self.qkv = Product(shape.width, 3 * inside)
        self.out = Product(inside, shape.width)
        self.feed_norm = RMSNorm(shape.width, shape.epsilon)
        self.up = Product(shape.width, shape.inner)
        self.down = Product(shape.inner, shape.width)

    def forward(self, hidden: Tensor, batch: Packed, masks: Sequence[Tensor]) -> Tensor:
        """States (tokens, width) after the layer; `masks` hold each group's bias, see `Encoder.masks`."""
        # Nested, so that nothing but the states outlives the half of the layer that needs it.
        hidden = self.out(_attend(self.qkv(self.attention_norm(hidden)), batch, masks, self.heads), add=hidden)
        fed: Tensor = self.down(self.up(self.feed_norm(hidden), activation=self.activation), add=hidden)
        return fed

    __call__: Callable[..., Tensor] = forward

    def serve(self, dtype: torch.dtype, device: torch.device) -> None:
        """Fold each norm into the product behind it, cast to `dtype`, move to `device` and pack there."""
        self.attention_norm.fold_into(self.qkv)
        self.feed_norm.fold_into(self.up)
        self.to(device=device, dtype=dtype)
        self.attention_norm.dtype = self.feed_norm.dtype = dtype
        if device.type == "cpu":
            for product in (self.qkv, self.out, self.up, self.down):
                product.pack()


def _attend(qkv: Tensor, batch: Packed, masks: Sequence[Tensor], heads: int) -> Tensor:
    """Attention (tokens, width) within each prompt, of `qkv` (tokens, 3 x width)."""
    if qkv.requires_grad:
        return _attend_learning(qkv, batch, masks, heads)
    width = qkv.shape[1] // 3
    each = width // heads
    mixed = []
    for group, mask in zip(batch.groups, masks, strict=True):
        size, keys = (group.count, heads, group.length, each), (group.count, heads, mask.shape[-1], each)
        stride, start = (group.length * 3 * width, each, 3 * width, 1), group.start * 3 * width
        query = qkv.as_strided(size, stride, start)
        # Keys may reach over the rows that follow: they lie in the same tensor, so that copies nothing.
        key, value = qkv.as_strided(keys, stride, start + width), qkv.as_strided(keys, stride, start + 2 * width)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
        mixed.append(attended.transpose(1, 2).reshape(group.tokens, width))
    if batch.filler:
        mixed.append(qkv[-batch.filler :, 2 * width :])
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


def _attend_learning(qkv: Tensor, batch: Packed, masks: Sequence[Tensor], heads: int) -> Tensor:
    """The same with gradients. Fused attention has none for a bias that learns; torch's own way takes a third more."""
    mixed = []
    # One split, not a slice per group: its backward is a single concatenation.
    for group, rows, mask in zip(batch.groups, qkv.split([g.tokens for g in batch.groups]), masks, strict=True):
        parts = rows.view(group.count, group.length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts.reshape(3, group.count * heads, group.length, -1)
        bias = mask.expand(group.count, -1, -1, -1).reshape(-1, group.length, group.length)
        weights = torch.softmax(torch.baddbmm(bias, query, key.transpose(1, 2)), dim=-1)
        attended = torch.bmm(weights, value).view(group.count, heads, group.length, -1)
        mixed.append(attended.transpose(1, 2).reshape(group.tokens, -1))
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


class Table(nn.Embedding):
    """An embedding that starts at random only where it holds anything: for a start on "meta" torch would import its
    compiler, a second and 70 MB."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


class Encoder(nn.Module):
    """Token ids -> embeddings, for every INSTRUCTOR checkpoint and device."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = Table(shape.vocab_size, shape.width)
        self.position = Table(shape.buckets, shape.heads)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width, shape.epsilon)
        self.dense = nn.Linear(shape.width, shape.dimension, bias=False)
        self._bias: Tensor | None = None

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Encoder:
        """Weights in float32, ready to train. Raises InvalidCheckpoint when a tensor is absent or of another shape."""
        encoder, reader = cls._empty(checkpoint)
        encoder.load_state_dict(reader.outside(), strict=False, assign=True)
        for index, layer in enumerate(encoder.blocks()):
            layer.load_state_dict(reader.layer(index), assign=True)
        return encoder.requires_grad_(True)

    @classmethod
    def for_inference(cls, checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device) -> Encoder:
        """Layers in `dtype`, norms folded and weights packed; the states between them and what follows are float32.

        One layer is read at a time, so the peak of memory is the result plus one layer. Raises InvalidCheckpoint.
        """
        encoder, reader = cls._empty(checkpoint)
        encoder.load_state_dict(reader.outside(), strict=False, assign=True)
        encoder.tokens.to(dtype)
        encoder.position.to(dtype)
        for index, layer in enumerate(encoder.blocks()):
            layer.load_state_dict(reader.layer(index), assign=True)
            layer.serve(dtype, device)
        encoder.norm.fold_into(encoder.dense)
        return encoder.to(device).requires_grad_(False).eval()

    @classmethod
    def _empty(cls, checkpoint: Checkpoint) -> tuple[Encoder, Reader]:
        with torch.device("meta"):
            encoder = cls(checkpoint.shape)
        return encoder, Reader(checkpoint.tensors(), checkpoint.shape, str(checkpoint.folder))

    @property
    def device(self) -> torch.device:
        return self.dense.weight.device

    def forward(self, batch: Packed) -> Tensor:
        """Embeddings (prompts, dimension) float32, L2-normalised if the checkpoint says so."""
        return self.pool(self.hidden(batch), batch)

    def pool(self, hidden: Tensor, batch: Packed) -> Tensor:
        """Embeddings of a batch from its token states: final norm, masked mean, dense, normalise."""
        mean = F.embedding_bag(batch.pooled, self.norm(hidden.float()), batch.starts, mode="mean")
        device = mean.device.type
        with torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext():
            embedding: Tensor = self.dense(mean)
            return F.normalize(embedding, dim=-1) if self.shape.normalize else embedding

    def token_states(self, hidden: Tensor) -> Tensor:
        """Token states (tokens, width) float32 after the final norm."""
        states: Tensor = self.norm(hidden.float())
        return states if self.norm.folded is None else states * self.norm.folded

    def hidden(self, batch: Packed) -> Tensor:
        """Token states (tokens, width) before the final norm."""
        device, dtype = self.device.type, self.position.weight.dtype
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            hidden: Tensor = self.tokens(batch.ids).to(dtype)
        else:
            # Float32 also where the layers are bfloat16: rounded after every layer, they change rankings.
            hidden = self.tokens(batch.ids).float()
        masks = self.masks(batch, dtype)
        for layer in self.blocks():
            hidden = layer(hidden, batch, masks)
        return hidden

    def blocks(self) -> Iterator[Layer]:
        for layer in self.layers:
            assert isinstance(layer, Layer)
            yield layer

    def masks(self, batch: Packed, dtype: torch.dtype) -> list[Tensor]:
        """The position bias (1, heads, length, keys) of each group in `dtype`, shared by all layers.

        On a CPU attention is a quarter faster when the number of keys is a multiple of its vectors, so there `keys` is
        rounded up where more rows follow in the pass; what is not the prompt's own has a bias of minus infinity.
        """
        groups, rows = batch.groups, len(batch.ids)
        bias = self.position_bias(max(group.length for group in groups)).to(dtype)
        reach = not bias.requires_grad and bias.device.type == "cpu"
        masks = []
        for group in groups:
            more = -group.length % KEY_STEP
            own = bias[:, :, : group.length, : group.length]
            fits = reach and more and group.start + group.tokens + more <= rows
            masks.append(F.pad(own, (0, more), value=-math.inf) if fits else own)
        return masks

    def position_bias(self, length: int) -> Tensor:
        """(1, heads, length, length) or larger; kept between calls except in training."""
        # Also without grad: between steps of a training run, what was kept would be of older weights.
        if self.position.weight.requires_grad:
            return self._make_bias(length)
        if self._bias is None or self._bias.shape[-1] < length or self._bias.device != self.device:
            self._bias = self._make_bias(length).contiguous()
        return self._bias

    def _make_bias(self, length: int) -> Tensor:
        table: Tensor = self.position.weight[relative_buckets(length, self.shape).to(self.device)]
        return table.permute(2, 0, 1)[None]


def relative_buckets(length: int, shape: Shape) -> Tensor:
    """Bucket (length, length) of key position minus query position: exact when near, logarithmic when far."""
    positions = torch.arange(length)
    distance = positions[None, :] - positions[:, None]
    half = shape.buckets // 2
    exact = half // 2
    far = torch.log(distance.abs().clamp(min=1).float() / exact) / math.log(shape.max_distance / exact) * (half - exact)
    bucket = torch.where(distance.abs() < exact, distance.abs(), (exact + far.to(torch.long)).clamp(max=half - 1))
    return bucket + half * (distance > 0)
