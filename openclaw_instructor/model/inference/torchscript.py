"""The encoder as it serves: norms folded into the products, weights packed, no Python between operations.

Python holds its lock while it goes from one operation to the next: two passes on two cores, and a server's loop beside
them, would wait for one another a hundred times a pass. So on a CPU a pass is compiled for torch's own interpreter,
which needs no lock, and whose steps cost a short query less.
"""

# Without postponed annotations: torch's compiler reads those of the functions themselves.
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from openclaw_instructor.model.inference import split_float32
from openclaw_instructor.model.inference.int8 import Layers8, Weights8, layers_in_int8, packed_int8
from openclaw_instructor.model.inference.rotation import Rotation
from openclaw_instructor.model.networks.attention import Group, attend, masks_of
from openclaw_instructor.model.networks.norm import unit

if TYPE_CHECKING:
    from openclaw_instructor.model.networks.t5 import Encoder, Layer
    from openclaw_instructor.model.packing import Packed

Program = Callable[..., Tensor]

# From this Python on torch does not support its interpreter's compiler. Nor is it used on a GPU, whose queue hides what
# Python takes: it would compile kernels for every new length there.
UNCOMPILED_FROM = (3, 14)

# On a CPU sums and norms go through the states in blocks of so many rows, which stay in the cache between the steps.
BLOCK_ROWS = 64

# T5's `feed_forward_proj` -> the function; `_linear_pointwise` knows them by the same names.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class Weights(NamedTuple):
    """What a pass reads beside its batch: `layers` or, where products are of int8, `int8` hold qkv, out, up and down of
    each layer; `floor` is `unit`'s; `reach` lets keys be rounded up; `block` is the rows that `_advance` takes at a
    time."""

    tokens: Tensor
    layers: list[Tensor]
    int8: Weights8
    dense: Tensor
    floor: Tensor
    heads: int
    activation: str
    normalize: bool
    reach: bool
    block: int


Product = Callable[[Tensor, Weights, int, str], Tensor]
Layers = Callable[[Tensor, Weights, list[Group], list[Tensor]], Tensor]


def _plain(x: Tensor, weights: Weights, at: int, activation: str) -> Tensor:
    y = F.linear(x, weights.layers[at])
    if activation == "relu":
        return F.relu(y)
    return F.gelu(y) if activation == "gelu" else y


def _packed(x: Tensor, weights: Weights, at: int, activation: str) -> Tensor:
    none: list[int | float | complex | None] = []
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weights.layers[at], None, activation, none, "none")
    return y


def _advance(states: Tensor, change: Tensor, units: Tensor, weights: Weights) -> None:
    """Make `units` the unit rows of the states after `change` is added to them."""
    if states.size(0) <= weights.block:
        units.copy_(unit(states.add_(change), weights.floor))
        return
    size = weights.block
    for some, added, result in zip(states.split(size), change.split(size), units.split(size), strict=True):
        result.copy_(unit(some.add_(added), weights.floor))


def _through(product: Product) -> Layers:
    """The layers in the precision of their weights."""

    def layers(states: Tensor, weights: Weights, groups: list[Group], masks: list[Tensor]) -> Tensor:
        units = unit(states, weights.floor).to(masks[0].dtype)
        # Nested, so that nothing but the states and their unit rows outlives the half of a layer that needs it.
        for at in range(0, len(weights.layers), 4):
            mixed = attend(product(units, weights, at, "none"), groups, masks, weights.heads)
            _advance(states, product(mixed, weights, at + 1, "none"), units, weights)
            fed = product(units, weights, at + 2, weights.activation)
            if at + 4 < len(weights.layers):
                _advance(states, product(fed, weights, at + 3, "none"), units, weights)
            else:
                states.add_(product(fed, weights, at + 3, "none"))
        return states

    return layers


def _in_int8(layers8: Layers8) -> Layers:
    def layers(states: Tensor, weights: Weights, groups: list[Group], masks: list[Tensor]) -> Tensor:
        return layers8(states, weights.int8, weights.floor, groups, masks, weights.heads)

    return layers


def _programs(layers: Layers) -> tuple[Program, Program]:
    def hidden(weights: Weights, bias: Tensor, ids: Tensor, groups: list[Group]) -> Tensor:
        # Float32 also where the layers are bfloat16: rounded after every layer, they change rankings.
        states = F.embedding(ids, weights.tokens).float()
        return layers(states, weights, groups, masks_of(bias, groups, len(ids), weights.reach))

    def embed(
        weights: Weights, bias: Tensor, ids: Tensor, groups: list[Group], pooled: Tensor, starts: Tensor
    ) -> Tensor:
        states = unit(hidden(weights, bias, ids, groups), weights.floor)
        vectors = F.linear(F.embedding_bag(pooled, states, starts, mode="mean"), weights.dense)
        return F.normalize(vectors, dim=-1) if weights.normalize else vectors

    return hidden, embed


def _compiled(program: Program) -> Program:
    with warnings.catch_warnings():
        # Its successors need a C++ compiler where they run.
        warnings.filterwarnings("ignore", "`torch.jit.script", DeprecationWarning)
        compiled: Program = torch.jit.script(program)
    return compiled


def packed(layer: "Layer", dtype: torch.dtype, device: torch.device, rotation: Rotation | None) -> list[Any]:
    """The four weights of a layer, which is left empty: norms folded in, turned if the stream is, and on a CPU in the
    order that the kernels read, so that a single query runs at the speed of memory instead of reordering them every
    time."""
    qkv, out, up, down = taken(layer)
    if rotation:
        qkv, up = rotation.turn(qkv), rotation.turn(up)
        out, down = rotation.turn_written(out), rotation.turn_written(down)
    return [_packed_weight(weight, layer.qkv.in_features, dtype, device) for weight in (qkv, out, up, down)]


def taken(layer: "Layer") -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A layer's qkv, out, up and down (out, in) with its norms folded in; it is left empty."""
    layer.attention_norm.fold_into(layer.qkv)
    layer.feed_norm.fold_into(layer.up)
    products = layer.qkv, layer.out, layer.up, layer.down
    qkv, out, up, down = (product.weight.detach() for product in products)
    for product in products:
        product.weight = nn.Parameter(torch.empty(0), requires_grad=False)
    return qkv, out, up, down


def _packed_weight(weight: Tensor, width: int, dtype: torch.dtype, device: torch.device) -> Any:
    if dtype == torch.int8:
        return packed_int8(weight, width)
    if split_float32.pays(dtype, device, width):
        return split_float32.Limbs.of(weight)
    weight = weight.to(device, dtype)
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), None) if _packs(device, dtype) else weight


class Served:
    """The passes of an encoder whose layers are `packed`."""

    def __init__(self, encoder: "Encoder", layers: list[Any], dtype: torch.dtype) -> None:
        shape, device = encoder.shape, encoder.device
        plain = layers if isinstance(layers[0], Tensor) else []
        int8 = Weights8.of([] if plain else layers, shape.activation)
        of_plain = _packed if _packs(device, dtype) else _plain
        through = _through(of_plain) if plain else _in_int8(layers_in_int8(int8))
        self._weights = Weights(
            encoder.tokens.weight,
            plain,
            int8,
            encoder.dense.weight,
            encoder.norm.floor,
            shape.heads,
            shape.activation,
            shape.normalize,
            reach=device.type == "cpu",
            block=BLOCK_ROWS if device.type == "cpu" else sys.maxsize,
        )
        hidden, embed = _programs(through)
        compiles = device.type == "cpu" and sys.version_info < UNCOMPILED_FROM
        self._hidden, self._embed = (_compiled(hidden), _compiled(embed)) if compiles else (hidden, embed)

    def hidden(self, batch: "Packed", bias: Tensor) -> Tensor:
        """Token states (tokens, width) float32 before the final norm; `bias` (1, heads, n, n) reaches the longest."""
        return self._hidden(self._weights, bias, batch.ids, batch.groups)

    def embed(self, batch: "Packed", bias: Tensor) -> Tensor:
        """Embeddings (prompts, dimension) float32."""
        return self._embed(self._weights, bias, batch.ids, batch.groups, batch.pooled, batch.starts)


def _packs(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether oneDNN has kernels for this: for bfloat16 on newer processors only, elsewhere torch's own are slow."""
    if device.type != "cpu" or not torch._C._has_mkldnn:
        return False
    return dtype != torch.bfloat16 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
