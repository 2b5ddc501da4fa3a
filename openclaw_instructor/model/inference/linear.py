"""Replace the linear layers of a plain network by those of a number format."""

# Without postponed annotations: TorchScript reads those of the methods.
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from openclaw_instructor.model.inference.int8 import Int8Weight, quantize, row_scales
from openclaw_instructor.model.torch_private import (
    FbgemmWeight,
    fbgemm_int8_linear,
    has_onednn,
    has_onednn_bfloat16,
    onednn_int8_linear,
    onednn_linear,
    pack_for_onednn,
)


class CastLinear(nn.Module):
    """A linear layer with torch's product in the number format of its weight."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach().to(dtype), requires_grad=False)
        bias = linear.bias.detach().to(dtype) if linear.bias is not None else torch.zeros(0, dtype=dtype)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (tokens, in) to (tokens, out) in the number format of the weight."""
        return F.linear(x.to(self.weight.dtype), self.weight, self.bias if self.bias.numel() else None)


class OneDnnLinear(nn.Module):
    """A linear layer whose weight is packed for oneDNN."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = pack_for_onednn(linear.weight.detach().to(dtype))
        self.dtype = dtype
        bias = linear.bias.detach().to(dtype) if linear.bias is not None else torch.zeros(0, dtype=dtype)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (tokens, in) to (tokens, out) in the number format of the weight."""
        y = onednn_linear(x.to(self.dtype), self.weight, "none")
        return y.add_(self.bias) if self.bias.numel() else y


class FbgemmLinear(nn.Module):
    """A linear layer in int8 by FBGEMM; each input row is first scaled to a greatest magnitude of one."""

    weight: FbgemmWeight  # type: ignore[valid-type]

    def __init__(self, weight: Any, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = weight, nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (tokens, in) to (tokens, out), quantizing each row to int8."""
        scale = row_scales(x)
        y = fbgemm_int8_linear(x / scale, self.weight, False).mul_(scale)
        return y.add_(self.bias) if self.bias.numel() else y


class OneDnnInt8Linear(nn.Module):
    """A linear layer in int8 by oneDNN, for processors with VNNI."""

    def __init__(self, weight: Int8Weight, bias: Tensor) -> None:
        super().__init__()
        self.rows, self.scales, self.zeros = weight
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply (tokens, in) to (tokens, out), quantizing each row to int8."""
        scale = row_scales(x)
        # Add half a step, because the conversion truncates.
        quantized = (x * (127.0 / scale)).add_(128.5).to(torch.int16).to(torch.uint8)
        y = onednn_int8_linear(quantized, 1.0 / 127.0, 128, self.rows, self.scales, self.zeros, "none").mul_(scale)
        return y.add_(self.bias) if self.bias.numel() else y


def replace_linears(network: nn.Module, dtype: torch.dtype, device: torch.device) -> None:
    """Replace every linear layer of a network by the fastest one of this format, freeing its weights one by one."""
    for name, child in network.named_children():
        if isinstance(child, nn.Linear):
            setattr(network, name, _replacement(child, dtype, device))
        else:
            replace_linears(child, dtype, device)


def _replacement(linear: nn.Linear, dtype: torch.dtype, device: torch.device) -> nn.Module:
    if dtype == torch.int8:
        weight = quantize(linear.weight.detach(), linear.in_features)
        bias = linear.bias.detach() if linear.bias is not None else torch.zeros(0)
        return OneDnnInt8Linear(weight, bias) if isinstance(weight, Int8Weight) else FbgemmLinear(weight, bias)
    packs = device.type == "cpu" and has_onednn() and (dtype != torch.bfloat16 or has_onednn_bfloat16())
    return OneDnnLinear(linear, dtype) if packs else CastLinear(linear, dtype)
