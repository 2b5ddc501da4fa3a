"""Quantise weights and lay them out as the int8 kernels read them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openclaw_instructor.model.inference.kernels.int8.library import LayerFields, Layout, LinearFields, NormFields

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Linear:
    """A quantised weight.

    `panels` int8 (out / panel, in / 4, panel, 4); for each output, (out,) float32, `scales`, `bias`, and `sums`,
    what an offset that all inputs share is multiplied by.
    """

    panels: NDArray[np.int8]
    scales: Array
    sums: Array
    bias: Array

    @classmethod
    def of(cls, weight: Array, bias: Array | None, layout: Layout) -> Linear:
        """Quantise a weight (out, in) with a scale for each row."""
        outputs, inputs = weight.shape
        scales = row_scales(weight, layout)
        rows = np.rint(weight / scales[:, None]).astype(np.int8)
        sums = scales * rows.sum(1, dtype=np.int64).astype(np.float32)
        panels = rows.reshape(outputs // layout.panel, layout.panel, inputs // 4, 4).transpose(0, 2, 1, 3)
        own = np.zeros(outputs, np.float32) if bias is None else np.ascontiguousarray(bias, np.float32)
        return cls(np.ascontiguousarray(panels), scales, np.ascontiguousarray(sums, np.float32), own)

    def fields(self) -> LinearFields:
        """Return the addresses for C, valid as long as this object is."""
        outputs = len(self.scales)
        addresses = [part.ctypes.data for part in (self.panels, self.scales, self.sums, self.bias)]
        return LinearFields(*addresses, outputs, self.panels.size // outputs)


def row_scales(weight: Array, layout: Layout) -> Array:
    """Return the step (out,) of each row of a weight (out, in) at which no number is beyond what the kernels take."""
    scales = np.abs(weight).max(1) / layout.steps
    if layout.most_of_pair:
        pairs = np.abs(weight[:, ::2] + weight[:, 1::2]) * (weight[:, ::2] * weight[:, 1::2] > 0)
        # Rounding adds half a step to each.
        scales = np.maximum(scales, pairs.max(1) / (layout.most_of_pair - 1))
    bounded: Array = np.maximum(scales, np.float32(1e-12)).astype(np.float32)
    return bounded


@dataclass(frozen=True)
class Norm:
    """The channel weights and biases of a layer norm, (width,) float32."""

    weight: Array
    bias: Array

    def fields(self) -> NormFields:
        """Return the addresses for C, valid as long as this object is."""
        return NormFields(self.weight.ctypes.data, self.bias.ctypes.data)


@dataclass(frozen=True)
class Layer:
    """A layer's weights, and its norms where they are not folded into them."""

    qkv: Linear
    out: Linear
    up: Linear
    down: Linear
    attention: Norm | None = None
    feed: Norm | None = None

    def fields(self) -> LayerFields:
        """Return the addresses for C, valid as long as this object is."""
        products = [each.fields() for each in (self.qkv, self.out, self.up, self.down)]
        norms = [each.fields() if each else NormFields() for each in (self.attention, self.feed)]
        return LayerFields(*products, *norms)
