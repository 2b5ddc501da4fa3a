"""Quantise networks that torch has read."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from openclaw_instructor.model.inference.folded import FoldedEnds, FoldedLayer
from openclaw_instructor.model.inference.kernels.int8 import library
from openclaw_instructor.model.inference.kernels.int8.backend import Int8Backend
from openclaw_instructor.model.inference.kernels.int8.library import Layout
from openclaw_instructor.model.inference.kernels.int8.network import Int8Network, Weights
from openclaw_instructor.model.inference.kernels.int8.weights import Layer, Linear, Norm
from openclaw_instructor.model.inference.rotation import Rotation
from openclaw_instructor.model.networks.bert import BertEncoder, BertLayer
from openclaw_instructor.model.shapes import BertShape, Head, Shape, T5Shape

# Widths that every kind of kernel divides into whole panels and vectors.
CHANNELS, HEAD_CHANNELS, OUTPUTS = 64, 16, 16
ACTIVATIONS = ("relu", "gelu", "gelu_tanh")


def is_supported(shape: Shape, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether these kernels compute a network of this shape, in this format."""
    if dtype != torch.int8 or device.type != "cpu" or not isinstance(shape, T5Shape | BertShape):
        return False
    attention = shape.heads * shape.head_width
    whole = all(channels % CHANNELS == 0 for channels in (shape.width, attention, shape.inner))
    outputs = shape.dimension if isinstance(shape, T5Shape) else shape.width
    fits = whole and shape.head_width % HEAD_CHANNELS == 0 and outputs % OUTPUTS == 0
    return fits and shape.activation in ACTIVATIONS and library.best_layout() is not None


def _layout() -> Layout:
    found = library.best_layout()
    assert found is not None
    return found


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().float().numpy())


def _bfloat16(table: Tensor) -> np.ndarray:
    return table.detach().to(torch.bfloat16).contiguous().view(torch.uint16).numpy()


class T5Builder:
    """Quantises a T5's folded weights layer by layer, in a rotated stream (`rotation.py`)."""

    def __init__(self, ends: FoldedEnds, shape: T5Shape) -> None:
        self._shape, self._ends, self._rotation = shape, ends, Rotation(shape.width)
        self._layout = _layout()
        self._table = _bfloat16(self._rotation.rotate_table(ends.tokens, torch.bfloat16))
        self._layers: list[Layer] = []

    def add(self, layer: FoldedLayer) -> None:
        """Quantise the next layer."""
        rotated = self._rotation.rotate_layer(layer)
        qkv, out, up, down = (Linear.of(_array(weight), None, self._layout) for weight in rotated)
        self._layers.append(Layer(qkv, out, up, down))

    def finish(self) -> Int8Backend:
        """Return the backend with all layers that were added."""
        ends, shape, rotation = self._ends, self._shape, self._rotation
        dense = np.ascontiguousarray(_array(rotation.rotate(ends.dense)).T)
        weights = Weights(self._table, self._layers, dense=dense, relative=_array(ends.position))
        network = Int8Network(self._layout.name, shape, weights, shape.normalize)
        return Int8Backend(network, lambda states: rotation.rotate_back(unit_length(states, shape)) * ends.norm)


def unit_length(states: Tensor, shape: T5Shape) -> Tensor:
    """Scale rows to unit length, as the last norm does before its weights."""
    return states / (states.square().sum(-1, keepdim=True) + shape.width * shape.epsilon).sqrt()


def bert_backend(network: BertEncoder, shape: BertShape, head: Head) -> Int8Backend:
    """Quantise a BERT-like network; the vectors are pooled, and normalised if nothing follows."""
    wanted = _layout()

    def linear(layer: torch.nn.Linear, scale: Tensor | None = None) -> Linear:
        if scale is None:
            return Linear.of(_array(layer.weight), _array(layer.bias), wanted)
        return Linear.of(_array(layer.weight * scale[:, None]), _array(layer.bias * scale), wanted)

    def norm(layer: torch.nn.LayerNorm) -> Norm:
        return Norm(_array(layer.weight), _array(layer.bias))

    # Scores are scaled by the queries.
    scale = torch.ones(3 * shape.width)
    scale[: shape.width] = shape.head_width**-0.5
    layers = []
    for layer in network.layers:
        assert isinstance(layer, BertLayer)
        products = linear(layer.qkv, scale), linear(layer.out), linear(layer.up), linear(layer.down)
        layers.append(Layer(*products, norm(layer.attention_norm), norm(layer.feed_norm)))
    weights = Weights(
        _bfloat16(network.tokens.weight),
        layers,
        positions=_array(network.positions.weight),
        embedding=norm(network.norm),
        relative=_array(network.relative.weight) if shape.buckets else None,
    )
    normalize = head.normalize and not head.projections and head.truncate_to is None
    return Int8Backend(Int8Network(wanted.name, shape, weights, normalize))
