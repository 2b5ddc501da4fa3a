"""The layers with products of int8: weights rounded or cut into digits once, what they multiply anew each time.

A product has one scale for all rows of what it multiplies, so each row is brought to a reach of one before it, and its
result scaled back: no row hangs on its neighbours. The scales travel beside the rows. A norm is one of them, and
through a ReLU, which keeps the sign, they need not come back before the next product.
"""

# Without postponed annotations: torch's compiler reads those of the functions themselves.
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from openclaw_instructor.model.inference.split_float32 import Limbs, digits, multiplied
from openclaw_instructor.model.networks.attention import Group, attend
from openclaw_instructor.model.networks.norm import norm

# Without VNNI the processor adds two products in 16 bits: with 127 steps one of twenty results would overflow.
STEPS, STEPS_WITHOUT_VNNI = 127, 96
# From this width of the stream on a product takes so long that what calling oneDNN costs does not matter.
ONEDNN_FROM = 512

Blocked = torch.classes.quantized.LinearPackedParamsBase


class Rounded(NamedTuple):
    """A product's weight (out, in) as oneDNN reads it, and the scale of each of its rows."""

    rows: Tensor
    scales: Tensor
    zeros: Tensor


class Weights8(NamedTuple):
    """qkv, out, up and down of each layer, for oneDNN, for FBGEMM or in digits; between up and down lies a ReLU or a
    GELU."""

    rounded: list[Rounded]
    blocked: list[Blocked]  # type: ignore[valid-type]
    limbs: list[Limbs]
    relu: bool

    @classmethod
    def of(cls, packed: Sequence[Any], activation: str) -> "Weights8":
        rounded = [weight for weight in packed if isinstance(weight, Rounded)]
        limbs = [weight for weight in packed if isinstance(weight, Limbs)]
        return cls(rounded, [] if rounded or limbs else list(packed), limbs, activation == "relu")


# Rows (n, in) and the reach of each (n, 1) -> what rows of reach one would give, through the ReLU if it is up's. The
# place of a product in its layer is `at % 4`: 0 is qkv, 1 out, 2 up, 3 down. What out and down are given is theirs to
# change.
Product8 = Callable[[Tensor, Tensor, Weights8, int], Tensor]
Layers8 = Callable[[Tensor, Weights8, Tensor, list[Group], list[Tensor], int], Tensor]


def packed_int8(weight: Tensor, width: int) -> Any:
    """A weight (out, in) of a stream of `width` in the order that the best kernels here read.

    With VNNI oneDNN's are faster by a sixth, but FBGEMM's cost less to call, which counts for a short query of a narrow
    model; without VNNI FBGEMM's are as fast for many rows and faster for few.
    """
    vnni = torch.cpu._is_vnni_supported()
    # A scale for each row: rows of a trained model differ by more than the steps that one scale would share.
    scales = (weight.abs().amax(1) / (STEPS if vnni else STEPS_WITHOUT_VNNI)).clamp(min=1e-12)
    zeros = torch.zeros(len(weight), dtype=torch.long)
    if vnni and width >= ONEDNN_FROM:
        rows = (weight / scales[:, None]).round_().to(torch.int8)
        return Rounded(torch.ops.onednn.qlinear_prepack(rows, None), scales, zeros)
    with warnings.catch_warnings():
        # Tensors that carry their scale are going; FBGEMM's products have no other way in yet.
        warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
        quantized = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    return torch.ops.quantized.linear_prepack(quantized, None)


def by_onednn(rows: Tensor, reach: Tensor, weights: Weights8, at: int) -> Tensor:
    weight, place = weights.rounded[at], at % 4
    # What a ReLU or a GELU has left has no negative half, or a small one.
    zero, steps = (128, 127.0) if place < 3 else (0, 255.0) if weights.relu else (40, 215.0)
    scaled = rows.mul_(steps / reach) if place in (1, 3) else rows * (steps / reach)
    # Half a step more, because the conversion cuts off; straight to uint8 it would take half as long again.
    stepped = scaled.add_(zero + 0.5).to(torch.int16).to(torch.uint8)
    activation = "relu" if weights.relu and place == 2 else "none"
    none: list[int | float | complex | None] = []
    y: Tensor = torch.ops.onednn.qlinear_pointwise(
        stepped, 1.0 / steps, zero, weight.rows, weight.scales, weight.zeros,
        None, 1.0, 0, torch.float32, activation, none, "none",
    )  # fmt: skip
    return y


def by_fbgemm(rows: Tensor, reach: Tensor, weights: Weights8, at: int) -> Tensor:
    scaled = rows.div_(reach) if at % 4 in (1, 3) else rows / reach
    if weights.relu and at % 4 == 2:
        y: Tensor = torch.ops.quantized.linear_relu_dynamic(scaled, weights.blocked[at], False)
    else:
        y = torch.ops.quantized.linear_dynamic(scaled, weights.blocked[at], False)
    return y


def by_limbs(rows: Tensor, reach: Tensor, weights: Weights8, at: int) -> Tensor:
    activation = "relu" if weights.relu and at % 4 == 2 else "none"
    return multiplied(digits(rows, reach), weights.limbs[at], activation)


def _reach(rows: Tensor) -> Tensor:
    """The greatest magnitude of each row (n, 1), above zero."""
    return torch.maximum(rows.amax(-1, keepdim=True), rows.amin(-1, keepdim=True).neg_()).clamp_(min=1e-9)


def layers_in_int8(like: Weights8) -> Layers8:
    """The layers, which change the states (tokens, width) float32 that they are given, with weights like these."""
    product: Product8 = by_limbs if like.limbs else by_onednn if like.rounded else by_fbgemm

    def layers(
        states: Tensor, weights: Weights8, floor: Tensor, groups: list[Group], masks: list[Tensor], heads: int
    ) -> Tensor:
        for at in range(0, len(weights.rounded) + len(weights.blocked) + len(weights.limbs), 4):
            reach = _reach(states)
            qkv = product(states, reach, weights, at).mul_(reach / norm(states, floor))
            mixed = attend(qkv, groups, masks, heads)
            reach = _reach(mixed)
            states.addcmul_(product(mixed, reach, weights, at + 1), reach)

            reach = _reach(states)
            fed = product(states, reach, weights, at + 2)
            scale = reach / norm(states, floor)
            if weights.relu:
                reach = fed.amax(-1, keepdim=True).clamp_(min=1e-9)
                scale.mul_(reach)
            else:
                fed = torch.ops.aten.gelu_(fed.mul_(scale))
                # A GELU gives -0.17 at least: from this reach on, that is within 40 of 215 steps.
                scale = reach = fed.amax(-1, keepdim=True).clamp_(min=0.92)
            states.addcmul_(product(fed, reach, weights, at + 3), scale)
        return states

    return layers
