"""Run passes of T5 over torch's own kernels, compiled to TorchScript where that runs.

Python holds its lock while it goes from one operation to the next: two passes on two cores, and a server's loop beside
them, would wait for one another a hundred times a pass. So on a CPU a pass is compiled to TorchScript, whose
interpreter needs no lock, and whose steps cost a short query less. Norms are folded and weights packed at loading.
"""

# Without postponed annotations: TorchScript reads those of the functions.
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from openclaw_instructor.model.inference import split_float32
from openclaw_instructor.model.inference.folded import FoldedEnds, FoldedLayer, norm_floor, unit_rows
from openclaw_instructor.model.inference.int8 import Int8Layers, RunLayers, int8_layers, quantize
from openclaw_instructor.model.inference.rotation import Rotation
from openclaw_instructor.model.networks.attention import Group, attend, masks_of
from openclaw_instructor.model.networks.position import BiasCache, position_bias
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.model.torch_private import (
    compile_script,
    has_onednn,
    has_onednn_bfloat16,
    onednn_linear,
    pack_for_onednn,
)

if TYPE_CHECKING:
    from openclaw_instructor.model.packing import Packed

Program = Callable[..., Tensor]

# The first Python without TorchScript in torch. It is not used on a GPU either, where it would compile kernels for
# every new length and the queue hides the time that Python takes.
UNCOMPILED_FROM = (3, 14)

# A pass is fastest if its activations fit a core's cache, and on a GPU if it fills the device. int8 products are as
# fast with fewer tokens, which take less memory.
CPU_TOKENS, INT8_TOKENS, GPU_TOKENS = 768, 512, 65_536
# Fewer tokens are not worth using another core.
TOKENS_PER_CORE = 256
# A single pass of fewer operations runs on one core: threads that wait for each other at every operation gain little on
# idle cores, and on busy cores each wait may take a whole time slice.
SHARED_OPERATIONS = 4e9
# On a CPU sums and norms process the states in blocks of this many rows, which stay in the cache between the steps.
BLOCK_ROWS = 64


class Weights(NamedTuple):
    """What a pass reads beside its batch.

    `layers`, or with int8 products `int8`, hold qkv, out, up and down of each layer; `floor` is `unit_rows`'s;
    `pad_keys` is `masks_of`'s; `block` is the number of rows that `_add_and_norm` takes at a time.
    """

    tokens: Tensor
    layers: list[Tensor]
    int8: Int8Layers
    dense: Tensor
    floor: Tensor
    heads: int
    activation: str
    normalize: bool
    pad_keys: bool
    block: int


Linear = Callable[[Tensor, Weights, int, str], Tensor]
Layers = Callable[[Tensor, Weights, list[Group], list[Tensor]], Tensor]


def _linear_by_torch(x: Tensor, weights: Weights, at: int, activation: str) -> Tensor:
    y = F.linear(x, weights.layers[at])
    if activation == "relu":
        return F.relu(y)
    return F.gelu(y) if activation == "gelu" else y


def _linear_by_onednn(x: Tensor, weights: Weights, at: int, activation: str) -> Tensor:
    return onednn_linear(x, weights.layers[at], activation)


def _add_and_norm(states: Tensor, change: Tensor, units: Tensor, weights: Weights) -> None:
    """Add `change` to `states`, and make `units` their rows of unit length."""
    if states.size(0) <= weights.block:
        units.copy_(unit_rows(states.add_(change), weights.floor))
        return
    size = weights.block
    for some, added, result in zip(states.split(size), change.split(size), units.split(size), strict=True):
        result.copy_(unit_rows(some.add_(added), weights.floor))


def _float_layers(linear: Linear) -> Layers:
    """All layers in the precision of their weights."""

    def run(states: Tensor, weights: Weights, groups: list[Group], masks: list[Tensor]) -> Tensor:
        units = unit_rows(states, weights.floor).to(masks[0].dtype)
        # Nested calls free the intermediate results of each half of a layer early.
        for at in range(0, len(weights.layers), 4):
            mixed = attend(linear(units, weights, at, "none"), groups, masks, weights.heads)
            _add_and_norm(states, linear(mixed, weights, at + 1, "none"), units, weights)
            fed = linear(units, weights, at + 2, weights.activation)
            if at + 4 < len(weights.layers):
                _add_and_norm(states, linear(fed, weights, at + 3, "none"), units, weights)
            else:
                states.add_(linear(fed, weights, at + 3, "none"))
        return states

    return run


def _int8_layers(run_int8: RunLayers) -> Layers:
    def run(states: Tensor, weights: Weights, groups: list[Group], masks: list[Tensor]) -> Tensor:
        return run_int8(states, weights.int8, weights.floor, groups, masks, weights.heads)

    return run


def _programs(layers: Layers) -> tuple[Program, Program]:
    """Script the functions for unit token states (tokens, width) and embeddings (prompts, dimension)."""

    def states(weights: Weights, bias: Tensor, ids: Tensor, groups: list[Group]) -> Tensor:
        # The states are float32 also in bfloat16 layers: rounding them after every layer changes rankings.
        embedded = F.embedding(ids, weights.tokens).float()
        masks = masks_of(bias, groups, len(ids), weights.pad_keys)
        return unit_rows(layers(embedded, weights, groups, masks), weights.floor)

    def embed(
        weights: Weights, bias: Tensor, ids: Tensor, groups: list[Group], pooled: Tensor, starts: Tensor
    ) -> Tensor:
        means = F.embedding_bag(pooled, states(weights, bias, ids, groups), starts, mode="mean")
        vectors = F.linear(means, weights.dense)
        return F.normalize(vectors, dim=-1) if weights.normalize else vectors

    return states, embed


class TorchBuilder:
    """Packs a T5 layer by layer for torch's kernels.

    With int8 only the products are int8: attention is float32, and the table bfloat16, which rounds less than they do.
    The stream is rotated then (`rotation.py`).
    """

    def __init__(self, ends: FoldedEnds, shape: T5Shape, dtype: torch.dtype, device: torch.device) -> None:
        self._shape, self._dtype, self._device = shape, dtype, device
        self._rotation = Rotation(shape.width) if dtype == torch.int8 else None
        tokens, dense, position = ends.tokens, ends.dense, ends.position
        if self._rotation:
            tokens, dense = self._rotation.rotate_table(tokens, torch.bfloat16), self._rotation.rotate(dense)
        else:
            tokens, position = tokens.to(dtype), position.to(dtype)
        self._ends = FoldedEnds(*(part.to(device) for part in (tokens, position, dense, ends.norm)))
        self._layers: list[Any] = []

    def add(self, layer: FoldedLayer) -> None:
        """Pack the next layer in the memory order that the kernels read.

        A single query then runs at memory speed instead of reordering the weights every time.
        """
        if self._rotation:
            layer = self._rotation.rotate_layer(layer)
        self._layers += [self._packed(weight) for weight in layer]

    def finish(self) -> "TorchBackend":
        """Return the backend with all layers that were added."""
        return TorchBackend(self._ends, self._layers, self._shape, self._dtype, self._device, self._rotation)

    def _packed(self, weight: Tensor) -> Any:
        if self._dtype == torch.int8:
            return quantize(weight, self._shape.width)
        if split_float32.is_supported(self._dtype, self._device, self._shape.width):
            return split_float32.SplitWeight.of(weight)
        weight = weight.to(self._device, self._dtype)
        return pack_for_onednn(weight) if _onednn_is_faster(self._device, self._dtype) else weight


class TorchBackend:
    """Runs the layers that a `TorchBuilder` packed. See `Backend`."""

    tokens_per_core = TOKENS_PER_CORE
    shared_operations = SHARED_OPERATIONS
    has_threads = False

    def __init__(
        self,
        ends: FoldedEnds,
        layers: list[Any],
        shape: T5Shape,
        dtype: torch.dtype,
        device: torch.device,
        rotation: Rotation | None,
    ) -> None:
        self.shape, self.dtype, self.device, self.dimension = shape, dtype, device, shape.dimension
        on_cpu = device.type == "cpu"
        self.pads_rows, self.pooling = on_cpu, "mean"
        self.preferred_tokens = (INT8_TOKENS if dtype == torch.int8 else CPU_TOKENS) if on_cpu else GPU_TOKENS
        self.operations_per_token = 2.0 * shape.layers * shape.layer_parameters
        self._norm, self._rotation = ends.norm, rotation
        self._bias = BiasCache(lambda length: position_bias(ends.position, length, shape.max_distance))
        floats = layers if isinstance(layers[0], Tensor) else []
        int8 = Int8Layers.of([] if floats else layers, shape.activation)
        linear = _linear_by_onednn if _onednn_is_faster(device, dtype) else _linear_by_torch
        states, embed = _programs(_float_layers(linear) if floats else _int8_layers(int8_layers(int8)))
        compiles = on_cpu and sys.version_info < UNCOMPILED_FROM
        self._states, self._embed = (compile_script(states), compile_script(embed)) if compiles else (states, embed)
        self.weights = Weights(
            ends.tokens,
            floats,
            int8,
            ends.dense,
            norm_floor(shape),
            shape.heads,
            shape.activation,
            shape.normalize,
            pad_keys=on_cpu,
            block=BLOCK_ROWS if on_cpu else sys.maxsize,
        )

    def embed(self, batch: "Packed") -> Tensor:
        """Compute embeddings (prompts, dimension) float32."""
        bias = self._bias.of(batch.longest)
        return self._embed(self.weights, bias, batch.ids, batch.groups, batch.pooled, batch.starts)

    def token_states(self, batch: "Packed") -> Tensor:
        """Compute states (tokens, width) float32 after the final norm."""
        states = self._states(self.weights, self._bias.of(batch.longest), batch.ids, batch.groups)
        return (self._rotation.rotate_back(states) if self._rotation else states) * self._norm


def _onednn_is_faster(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether oneDNN has kernels for this: for bfloat16 on newer processors only, elsewhere torch's own are slow."""
    return device.type == "cpu" and has_onednn() and (dtype != torch.bfloat16 or has_onednn_bfloat16())
