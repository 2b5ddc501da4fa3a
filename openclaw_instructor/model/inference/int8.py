"""Run T5's layers with int8 matrix products: weights are quantized once, activations anew for each product.

A kernel quantizes all rows of its input with one scale. So each row is scaled to a greatest magnitude of one before a
product and its result scaled back: no row depends on its neighbours. The scales travel beside the rows; a norm becomes
one of them, and through a ReLU, which keeps signs, they need not be applied before the next product.
"""

# Without postponed annotations: TorchScript reads those of the functions.
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from openclaw_instructor.model.inference.folded import row_lengths
from openclaw_instructor.model.inference.split_float32 import SplitWeight, split, split_linear
from openclaw_instructor.model.networks.attention import Group, attend
from openclaw_instructor.model.torch_private import (
    FbgemmWeight,
    fbgemm_int8_linear,
    gelu_,
    has_cpu_feature,
    onednn_int8_linear,
    pack_int8_for_fbgemm,
    pack_int8_for_onednn,
)

# Without VNNI the processor adds two products in 16 bits: with 127 steps one in twenty results would overflow.
STEPS, STEPS_WITHOUT_VNNI = 127, 96
# From this width on, products take so long that the cost of calling oneDNN does not matter.
ONEDNN_MIN_WIDTH = 512


class Int8Weight(NamedTuple):
    """A weight (out, in) in oneDNN's layout, with the scale of each row."""

    rows: Tensor
    scales: Tensor
    zeros: Tensor


class Int8Layers(NamedTuple):
    """qkv, out, up and down of each layer in one of three forms, and whether their activation is a ReLU or a GELU."""

    onednn: list[Int8Weight]
    fbgemm: list[FbgemmWeight]  # type: ignore[valid-type]
    split: list[SplitWeight]
    relu: bool

    @classmethod
    def of(cls, packed: Sequence[Any], activation: str) -> "Int8Layers":
        """Group packed weights by form; all have the same."""
        onednn = [weight for weight in packed if isinstance(weight, Int8Weight)]
        split = [weight for weight in packed if isinstance(weight, SplitWeight)]
        return cls(onednn, [] if onednn or split else list(packed), split, activation == "relu")


# Input rows (n, in) and the greatest magnitude of each (n, 1) -> the product (n, out) of rows scaled to one, through
# the ReLU if it is up's. The place of a product in its layer is `at % 4`: 0 is qkv, 1 out, 2 up, 3 down. The products
# of out and down may change their input.
Int8Linear = Callable[[Tensor, Tensor, Int8Layers, int], Tensor]
RunLayers = Callable[[Tensor, Int8Layers, Tensor, list[Group], list[Tensor], int], Tensor]


def quantize(weight: Tensor, width: int) -> Any:
    """Quantize a weight (out, in) of a stream of `width`, in the layout of the fastest kernels here.

    With VNNI oneDNN's are faster by a sixth, but FBGEMM's cost less to call, which counts for a short query of a narrow
    model; without VNNI FBGEMM's are as fast for many rows and faster for few.
    """
    vnni = has_cpu_feature("vnni")
    # A scale for each row, because the rows of a trained weight differ much in magnitude.
    scales = (weight.abs().amax(1) / (STEPS if vnni else STEPS_WITHOUT_VNNI)).clamp(min=1e-12)
    zeros = torch.zeros(len(weight), dtype=torch.long)
    if vnni and width >= ONEDNN_MIN_WIDTH:
        rows = (weight / scales[:, None]).round_().to(torch.int8)
        return Int8Weight(pack_int8_for_onednn(rows), scales, zeros)
    return pack_int8_for_fbgemm(weight, scales, zeros)


def linear_by_onednn(rows: Tensor, scale: Tensor, layers: Int8Layers, at: int) -> Tensor:
    """Multiply by oneDNN's int8 kernel: rows (tokens, in) with their scales (tokens, 1) to (tokens, out)."""
    weight, place = layers.onednn[at], at % 4
    # After a ReLU or a GELU there are no negative values, or small ones.
    zero, steps = (128, 127.0) if place < 3 else (0, 255.0) if layers.relu else (40, 215.0)
    scaled = rows.mul_(steps / scale) if place in (1, 3) else rows * (steps / scale)
    # Add half a step, because the conversion truncates; converting to uint8 directly takes 1.5 times as long.
    quantized = scaled.add_(zero + 0.5).to(torch.int16).to(torch.uint8)
    activation = "relu" if layers.relu and place == 2 else "none"
    return onednn_int8_linear(quantized, 1.0 / steps, zero, weight.rows, weight.scales, weight.zeros, activation)


def linear_by_fbgemm(rows: Tensor, scale: Tensor, layers: Int8Layers, at: int) -> Tensor:
    """Multiply by FBGEMM's int8 kernel: rows (tokens, in) with their scales (tokens, 1) to (tokens, out)."""
    scaled = rows.div_(scale) if at % 4 in (1, 3) else rows / scale
    return fbgemm_int8_linear(scaled, layers.fbgemm[at], layers.relu and at % 4 == 2)


def linear_by_splitting(rows: Tensor, scale: Tensor, layers: Int8Layers, at: int) -> Tensor:
    """Multiply by split matrices: rows (tokens, in) with their scales (tokens, 1) to (tokens, out)."""
    activation = "relu" if layers.relu and at % 4 == 2 else "none"
    return split_linear(split(rows, scale), layers.split[at], activation)


def row_scales(rows: Tensor) -> Tensor:
    """Return the greatest magnitude of each row (n, 1), above zero."""
    return torch.maximum(rows.amax(-1, keepdim=True), rows.amin(-1, keepdim=True).neg_()).clamp_(min=1e-9)


def int8_layers(form: Int8Layers) -> RunLayers:
    """Return the function that runs weights of this form; it overwrites its float32 states (tokens, width)."""
    linear: Int8Linear = linear_by_splitting if form.split else linear_by_onednn if form.onednn else linear_by_fbgemm

    def run(
        states: Tensor, layers: Int8Layers, floor: Tensor, groups: list[Group], masks: list[Tensor], heads: int
    ) -> Tensor:
        for at in range(0, len(layers.onednn) + len(layers.fbgemm) + len(layers.split), 4):
            scale = row_scales(states)
            qkv = linear(states, scale, layers, at).mul_(scale / row_lengths(states, floor))
            mixed = attend(qkv, groups, masks, heads)
            scale = row_scales(mixed)
            states.addcmul_(linear(mixed, scale, layers, at + 1), scale)

            scale = row_scales(states)
            fed = linear(states, scale, layers, at + 2)
            to_states = scale / row_lengths(states, floor)
            if layers.relu:
                scale = fed.amax(-1, keepdim=True).clamp_(min=1e-9)
                to_states.mul_(scale)
            else:
                fed = gelu_(fed.mul_(to_states))
                # A GELU gives -0.17 at least: with a scale from here on, that is within 40 of 215 steps.
                to_states = scale = fed.amax(-1, keepdim=True).clamp_(min=0.92)
            states.addcmul_(linear(fed, scale, layers, at + 3), to_states)
        return states

    return run
