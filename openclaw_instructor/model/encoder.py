"""The T5 encoder on packed batches: masked mean -> dense -> normalise.

All tokens of a batch lie in one row, so no matrix product ever multiplies padding; attention runs per group of equal
length. The same module trains (autograd, autocast) and serves (`prepare`: norm weights folded into the projections,
one dtype). T5: Raffel et al., JMLR 2020: pre-norm with RMSNorm, ReLU, no scaling in attention, relative position bias
shared by all layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model.packing import Group, Packed
from openclaw_instructor.model.product import Product

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint, Shape


class RMSNorm(nn.Module):
    """Scale to unit root mean square; the statistics are float32 whatever the input.

    `centred` promises a residual stream of zero mean, where layer norm is the same function with a fused kernel.
    """

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight: nn.Parameter | None = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon
        self.centred = False

    def forward(self, hidden: Tensor) -> Tensor:
        if self.centred:
            return F.layer_norm(hidden, hidden.shape[-1:], self.weight, None, self.epsilon)
        scale = torch.rsqrt(hidden.float().pow(2).mean(-1, keepdim=True) + self.epsilon)
        normed = hidden * scale.to(hidden.dtype)
        return normed if self.weight is None else normed * self.weight


class Layer(nn.Module):
    """Self-attention and feed-forward, each behind a norm and beside a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        inside = shape.heads * shape.head_width
        self.heads, self.head_width = shape.heads, shape.head_width
        self.attention_norm = RMSNorm(shape.width, shape.epsilon)
        self.qkv = Product(shape.width, 3 * inside)
        self.out = Product(inside, shape.width)
        self.feed_norm = RMSNorm(shape.width, shape.epsilon)
        self.up = Product(shape.width, shape.inner)
        self.down = Product(shape.inner, shape.width)

    def forward(self, hidden: Tensor, groups: tuple[Group, ...], bias: Tensor) -> Tensor:
        qkv = self.qkv(self.attention_norm(hidden)).view(-1, 3, self.heads, self.head_width)
        hidden = self.out(self._attend(qkv, groups, bias), add=hidden)
        fed: Tensor = self.down(self.up(self.feed_norm(hidden), relu=True), add=hidden)
        return fed

    def products(self) -> tuple[Product, ...]:
        return self.qkv, self.out, self.up, self.down

    def _attend(self, qkv: Tensor, groups: tuple[Group, ...], bias: Tensor) -> Tensor:
        mixed = []
        # One split, not a slice per group: its backward is a single concatenation.
        for group, rows in zip(groups, torch.split(qkv, [group.tokens for group in groups]), strict=True):
            query, key, value = rows.view(group.count, group.length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            mask = bias[:, :, : group.length, : group.length].to(query.dtype)
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
            mixed.append(attended.transpose(1, 2).reshape(group.tokens, -1))
        return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


class Encoder(nn.Module):
    """Token ids -> embeddings, for every INSTRUCTOR checkpoint and device."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocab_size, shape.width)
        self.position = nn.Embedding(shape.buckets, shape.heads)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width, shape.epsilon)
        self.dense = nn.Linear(shape.width, shape.dimension, bias=False)
        self._bias: Tensor | None = None

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Encoder:
        """Weights in float32, ready to train. Raises InvalidCheckpoint when a tensor is absent or of another shape."""
        with torch.device("meta"):
            encoder = cls(checkpoint.shape)
        state = from_t5(checkpoint.tensors(), checkpoint.shape, str(checkpoint.folder))
        encoder.load_state_dict(state, assign=True)
        return encoder

    @property
    def device(self) -> torch.device:
        return self.dense.weight.device

    def forward(self, batch: Packed) -> Tensor:
        """Embeddings (prompts, dimension) float32, L2-normalised if the checkpoint says so."""
        pooled = self.norm(self.hidden(batch)[batch.pooled]).float()
        mean = pooled.new_zeros(len(batch.counts), pooled.shape[1]).index_add_(0, batch.owner, pooled) / batch.counts
        with torch.autocast(mean.device.type, enabled=False):
            embedding = self.dense(mean)
            return F.normalize(embedding, dim=-1) if self.shape.normalize else embedding

    def hidden(self, batch: Packed) -> Tensor:
        """Token states (tokens, width) before the final norm."""
        bias = self.position_bias(max(group.length for group in batch.groups))
        hidden: Tensor = self.tokens(batch.ids)
        if torch.is_autocast_enabled(hidden.device.type):
            hidden = hidden.to(torch.get_autocast_dtype(hidden.device.type))
        for layer in self.blocks():
            hidden = layer(hidden, batch.groups, bias)
        return hidden

    def blocks(self) -> Iterator[Layer]:
        for layer in self.layers:
            assert isinstance(layer, Layer)
            yield layer

    def position_bias(self, length: int) -> Tensor:
        """(1, heads, length, length) or larger; kept between calls except in training."""
        if self.position.weight.requires_grad and torch.is_grad_enabled():
            return self._make_bias(length)
        if self._bias is None or self._bias.shape[-1] < length or self._bias.device != self.device:
            self._bias = self._make_bias(length).contiguous()
        return self._bias

    def _make_bias(self, length: int) -> Tensor:
        table: Tensor = self.position.weight[relative_buckets(length, self.shape).to(self.device)]
        return table.permute(2, 0, 1)[None]

    def prepare(self, dtype: torch.dtype, device: torch.device) -> Encoder:
        """Make it an inference module: fold each norm's weight into the product behind it, cast the layers to `dtype`.

        Pooling, dense and normalisation stay in float32.
        """
        self.requires_grad_(False).eval()
        for layer in self.blocks():
            for norm, product in ((layer.attention_norm, layer.qkv), (layer.feed_norm, layer.up)):
                if norm.weight is not None:
                    product.weight.data = product.weight.data * norm.weight.data
                    norm.weight = None
        self.tokens.to(dtype)
        self.position.to(dtype)
        self.layers.to(dtype)
        self.to(device)
        if device.type == "cpu":
            for layer in self.blocks():
                for product in layer.products():
                    product.pack()
        return self


def relative_buckets(length: int, shape: Shape) -> Tensor:
    """Bucket (length, length) of key position minus query position: exact when near, logarithmic when far."""
    positions = torch.arange(length)
    distance = positions[None, :] - positions[:, None]
    half = shape.buckets // 2
    exact = half // 2
    far = torch.log(distance.abs().clamp(min=1).float() / exact) / math.log(shape.max_distance / exact) * (half - exact)
    bucket = torch.where(distance.abs() < exact, distance.abs(), (exact + far.to(torch.long)).clamp(max=half - 1))
    return bucket + half * (distance > 0)


def from_t5(tensors: Mapping[str, Tensor], shape: Shape, where: str) -> dict[str, Tensor]:
    """T5's tensor names -> ours, fused and in float32."""

    def take(name: str, *size: int) -> Tensor:
        tensor = tensors.get(name)
        if tensor is None:
            raise InvalidCheckpoint(f"{where}: tensor {name} is missing; the weights do not fit config.json")
        if tuple(tensor.shape) != size:
            raise InvalidCheckpoint(f"{where}: tensor {name} is {tuple(tensor.shape)}, config.json says {size}")
        return tensor.to(torch.float32)

    width, inside = shape.width, shape.heads * shape.head_width
    table = "shared.weight" if "shared.weight" in tensors else "encoder.embed_tokens.weight"
    state = {
        "tokens.weight": take(table, shape.vocab_size, width),
        "position.weight": take(_POSITION, shape.buckets, shape.heads),
        "norm.weight": take("encoder.final_layer_norm.weight", width),
        "dense.weight": take("dense.weight", shape.dimension, width) if "dense.weight" in tensors else torch.eye(width),
    }
    for index in range(shape.layers):
        names = _layer_names(index)
        query, key, value = (take(name, inside, width) for name in names["qkv.weight"])
        state[f"layers.{index}.qkv.weight"] = torch.cat([query, key, value])
        state[f"layers.{index}.out.weight"] = take(names["out.weight"][0], width, inside)
        state[f"layers.{index}.up.weight"] = take(names["up.weight"][0], shape.inner, width)
        state[f"layers.{index}.down.weight"] = take(names["down.weight"][0], width, shape.inner)
        for norm in ("attention_norm.weight", "feed_norm.weight"):
            state[f"layers.{index}.{norm}"] = take(names[norm][0], width)
    return state


def to_t5(encoder: Encoder) -> dict[str, Tensor]:
    """The inverse of `from_t5`, for saving a trained encoder in the hub's layout; `dense.weight` is among them."""
    state = encoder.state_dict()
    tensors = {
        "shared.weight": state["tokens.weight"],
        _POSITION: state["position.weight"],
        "encoder.final_layer_norm.weight": state["norm.weight"],
        "dense.weight": state["dense.weight"],
    }
    for index in range(encoder.shape.layers):
        for ours, names in _layer_names(index).items():
            parts = state[f"layers.{index}.{ours}"].chunk(len(names))
            tensors |= dict(zip(names, parts, strict=True))
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


_POSITION = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"


def _layer_names(index: int) -> dict[str, list[str]]:
    attention, feed = f"encoder.block.{index}.layer.0", f"encoder.block.{index}.layer.1"
    return {
        "attention_norm.weight": [f"{attention}.layer_norm.weight"],
        "qkv.weight": [f"{attention}.SelfAttention.{part}.weight" for part in "qkv"],
        "out.weight": [f"{attention}.SelfAttention.o.weight"],
        "feed_norm.weight": [f"{feed}.layer_norm.weight"],
        "up.weight": [f"{feed}.DenseReluDense.wi.weight"],
        "down.weight": [f"{feed}.DenseReluDense.wo.weight"],
    }
