"""The T5 encoder on packed batches: masked mean -> dense -> normalise.

All tokens of a batch lie in one row, so no matrix product ever multiplies padding; attention runs per group of equal
length. The same module trains (autograd, autocast) and serves (norms folded into the products, weights packed).

T5 as in Raffel et al., JMLR 2020: pre-norm with RMSNorm, ReLU or GELU, no scaling in attention, and a relative
position bias that all layers share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from openclaw_instructor.model.inference.kernels import amx
from openclaw_instructor.model.inference.rotation import Rotation
from openclaw_instructor.model.inference.torchscript import ACTIVATIONS, Served, packed, taken
from openclaw_instructor.model.malloc import give_back
from openclaw_instructor.model.networks.attention import attend, attend_learning, masks_of
from openclaw_instructor.model.networks.norm import unit
from openclaw_instructor.model.networks.state_dict import Reader
from openclaw_instructor.model.packing import Packed

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint, Shape
    from openclaw_instructor.model.inference.int8_check import Witness


class RMSNorm(nn.Module):
    """Scale to unit root mean square; the statistics are float32 whatever the input.

    `centred` promises a residual stream of zero mean, where layer norm is the same function with a fused kernel.
    """

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight: nn.Parameter | None = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon
        self.centred = False
        self.folded: Tensor | None = None
        self.floor = torch.tensor(math.sqrt(width * epsilon), device="cpu")

    def forward(self, hidden: Tensor) -> Tensor:
        if self.folded is not None:
            # Root of the sum, not the mean: the factor between them is in the folded weight.
            return unit(hidden, self.floor)
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
        self.qkv = nn.Linear(shape.width, 3 * inside, bias=False)
        self.out = nn.Linear(inside, shape.width, bias=False)
        self.feed_norm = RMSNorm(shape.width, shape.epsilon)
        self.up = nn.Linear(shape.width, shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, hidden: Tensor, batch: Packed, masks: list[Tensor]) -> Tensor:
        """States (tokens, width) after the layer; `masks` hold each group's bias, (1, heads, length, length)."""
        qkv = self.qkv(self.attention_norm(hidden))
        # Asked of the product: under no_grad nothing needs a gradient, whatever the weights say.
        mix = attend_learning if qkv.requires_grad else attend
        hidden = hidden + self.out(mix(qkv, batch.groups, masks, self.heads))
        fed: Tensor = hidden + self.down(ACTIVATIONS[self.activation](self.up(self.feed_norm(hidden))))
        return fed

    __call__: Callable[..., Tensor] = forward


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
        self.served: Served | amx.OnTiles | None = None
        self.rotation: Rotation | None = None  # of the stream, where the products are int8
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
    def for_inference(
        cls, checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device, witness: Witness | None = None
    ) -> Encoder:
        """Layers in `dtype`, norms folded and weights packed; the states between them and what follows are float32.

        Of int8 only the products are: attention is float32, and the table bfloat16, which rounds less than they do. The
        stream is turned there (`rotation.py`).

        One layer is read at a time, so the peak of memory is the result plus one layer; `witness` sees each as it was
        read. Raises InvalidCheckpoint.
        """
        encoder, reader = cls._empty(checkpoint)
        encoder.load_state_dict(reader.outside(), strict=False, assign=True)
        if witness:
            witness.begin(encoder)
        encoder.norm.fold_into(encoder.dense)
        on_tiles = amx.Weights(checkpoint.shape) if amx.pays(dtype, device, checkpoint.shape) else None
        if dtype == torch.int8:
            encoder.rotation = Rotation(encoder.shape.width)
            table = encoder.rotation.turn_table(encoder.tokens.weight.detach(), torch.bfloat16)
            encoder.tokens.weight = nn.Parameter(table)
            encoder.dense.weight = nn.Parameter(encoder.rotation.turn(encoder.dense.weight.detach()))
            encoder.position.to(torch.float32)
        else:
            encoder.tokens.to(dtype)
            encoder.position.to(torch.float32 if on_tiles else dtype)
        layers: list[Any] = []
        for index, layer in enumerate(encoder.blocks()):
            layer.load_state_dict(reader.layer(index), assign=True)
            if witness:
                witness.follow(layer)
            if on_tiles:
                on_tiles.add(*taken(layer))
            else:
                layers += packed(layer, dtype, device, encoder.rotation)
            give_back()
        encoder = encoder.to(device).requires_grad_(False).eval()
        encoder.served = amx.OnTiles(encoder, on_tiles) if on_tiles else Served(encoder, layers, dtype)
        return encoder

    @classmethod
    def _empty(cls, checkpoint: Checkpoint) -> tuple[Encoder, Reader]:
        with torch.device("meta"):
            encoder = cls(checkpoint.shape)
        return encoder, Reader(checkpoint.tensors(), checkpoint.shape, str(checkpoint.folder))

    @property
    def in_int8(self) -> bool:
        return self.rotation is not None

    @property
    def on_tiles(self) -> bool:
        return isinstance(self.served, amx.OnTiles)

    @property
    def device(self) -> torch.device:
        return self.dense.weight.device

    def forward(self, batch: Packed) -> Tensor:
        """Embeddings (prompts, dimension) float32, L2-normalised if the checkpoint says so."""
        if self.served:
            return self.served.embed(batch, self._bias_of(batch))
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
        if self.rotation:
            states = self.rotation.turn_back(states)
        return states if self.norm.folded is None else states * self.norm.folded

    def hidden(self, batch: Packed) -> Tensor:
        """Token states (tokens, width) before the final norm."""
        bias = self._bias_of(batch)
        if self.served:
            return self.served.hidden(batch, bias)
        hidden: Tensor = self.tokens(batch.ids)
        device = hidden.device.type
        if torch.is_autocast_enabled(device):
            hidden = hidden.to(torch.get_autocast_dtype(device))
        bias = bias.to(hidden.dtype)
        masks = masks_of(bias, batch.groups, len(batch.ids), reach=False)
        for layer in self.blocks():
            hidden = layer(hidden, batch, masks)
        return hidden

    def blocks(self) -> Iterator[Layer]:
        for layer in self.layers:
            assert isinstance(layer, Layer)
            yield layer

    def _bias_of(self, batch: Packed) -> Tensor:
        longest = max(group.length for group in batch.groups)
        return self.distance_bias(longest) if self.on_tiles else self.position_bias(longest)

    def distance_bias(self, length: int) -> Tensor:
        """(heads, 2 x reach + 1) of every distance from -reach to reach, which is `length` or more; kept."""
        bias = self._bias
        if bias is None or bias.shape[-1] < 2 * length + 1:
            distances = torch.arange(-length, length + 1, device=self.device)
            bias = self._bias = self.position.weight[buckets_of(distances, self.shape)].T.contiguous()
        return bias

    def position_bias(self, length: int) -> Tensor:
        """(1, heads, length, length) or larger; kept between calls except in training."""
        # Also without grad: between steps of a training run, what was kept would be of older weights.
        if self.position.weight.requires_grad:
            return self._make_bias(length)
        # In a local: another thread may keep a shorter one between these lines.
        bias = self._bias
        if bias is None or bias.shape[-1] < length or bias.device != self.device:
            bias = self._bias = self._make_bias(length).contiguous()
        return bias

    def _make_bias(self, length: int) -> Tensor:
        table: Tensor = self.position.weight[relative_buckets(length, self.shape).to(self.device)]
        return table.permute(2, 0, 1)[None]


def relative_buckets(length: int, shape: Shape) -> Tensor:
    """Bucket (length, length) of every key for every query."""
    positions = torch.arange(length)
    return buckets_of(positions[None, :] - positions[:, None], shape)


def buckets_of(distance: Tensor, shape: Shape) -> Tensor:
    """Bucket of key position minus query position: exact when near, logarithmic when far."""
    half = shape.buckets // 2
    exact = half // 2
    far = torch.log(distance.abs().clamp(min=1).float() / exact) / math.log(shape.max_distance / exact) * (half - exact)
    bucket = torch.where(distance.abs() < exact, distance.abs(), (exact + far.to(torch.long)).clamp(max=half - 1))
    return bucket + half * (distance > 0)
