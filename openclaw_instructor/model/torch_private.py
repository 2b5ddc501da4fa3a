"""Wrap every private or deprecated name of torch that this package uses.

torch keeps its fastest CPU kernels without public names. A new release of torch is checked here and nowhere else; where
it lacks a name, `has_onednn` and `int8_engine` say so, and torch's public functions run in float32 or bfloat16.
"""

# Without postponed annotations: TorchScript compiles most of these functions and reads their annotations.
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

Program = TypeVar("Program", bound=Callable[..., Any])

_ONEDNN = (
    "ops.mkldnn._is_mkldnn_bf16_supported",
    "ops.mkldnn._reorder_linear_weight",
    "ops.mkldnn._linear_pointwise",
    "ops.onednn.qlinear_prepack",
    "ops.onednn.qlinear_pointwise",
)
_FBGEMM = (
    "classes.quantized.LinearPackedParamsBase",
    "quantize_per_channel",
    "ops.quantized.linear_prepack",
    "ops.quantized.linear_dynamic",
    "ops.quantized.linear_relu_dynamic",
)


def find(name: str) -> Any:
    """Return what torch has under a dotted name; None where this release has nothing."""
    found: Any = torch
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except (AttributeError, RuntimeError):
            return None
    return found


# A weight packed for FBGEMM's int8 kernels.
FbgemmWeight = find("classes.quantized.LinearPackedParamsBase") or Tensor
# Marks a method that TorchScript leaves to Python.
not_scripted = find("jit.ignore") or (lambda method: method)


@cache
def has_cpu_feature(feature: str) -> bool:
    """Whether the processor has `vnni`, `avx512_bf16` or `amx_tile`."""
    query: Callable[[], bool] | None = find(f"cpu._is_{feature}_supported")
    return query is not None and query()


def has_onednn() -> bool:
    """Whether torch was built with oneDNN, and has the names that this module calls it by."""
    return bool(torch.backends.mkldnn.is_available()) and all(find(name) is not None for name in _ONEDNN)


def has_onednn_bfloat16() -> bool:
    """Whether oneDNN multiplies bfloat16 matrices natively on this processor; elsewhere it emulates them slowly."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def pack_for_onednn(weight: Tensor) -> Tensor:
    """Pack a float32 or bfloat16 weight (out, in) in the blocked layout of oneDNN's kernels."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), None)
    return packed


def onednn_linear(x: Tensor, weight: Tensor, activation: str) -> Tensor:
    """Multiply `x` (n, in) by a weight of `pack_for_onednn`, and apply `activation`: "none", "relu" or "gelu"."""
    none: list[int | float | complex | None] = []
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, None, activation, none, "none")
    return y


def pack_int8_for_onednn(weight: Tensor) -> Tensor:
    """Pack an int8 weight (out, in) in the layout of oneDNN's int8 kernels."""
    packed: Tensor = torch.ops.onednn.qlinear_prepack(weight, None)
    return packed


def onednn_int8_linear(
    x: Tensor, scale: float, zero: int, weight: Tensor, scales: Tensor, zeros: Tensor, activation: str
) -> Tensor:
    """Compute the float32 product of quantized `x` (n, in) with a weight of `pack_int8_for_onednn`.

    `x` stands for `scale * (x - zero)`; `scales` and `zeros` (out,) are the weight's, per row.
    """
    none: list[int | float | complex | None] = []
    y: Tensor = torch.ops.onednn.qlinear_pointwise(
        x, scale, zero, weight, scales, zeros, None, 1.0, 0, torch.float32, activation, none, "none"
    )
    return y


def onednn_int8_linear_add(
    y: Tensor, x: Tensor, scale: float, weight: Tensor, scales: Tensor, zeros: Tensor, activation: str
) -> Tensor:
    """Compute the same product added to `y`, in the memory of `y`.

    TorchScript does not know that `y` changes: read only the returned tensor.
    """
    none: list[int | float | complex | None] = []
    result: Tensor = torch.ops.onednn.qlinear_pointwise(
        x, scale, 0, weight, scales, zeros, y, None, 1.0, 0, torch.float32, 1.0, 0, "sum", 1.0, activation, none, "none"
    )
    return result


def pack_int8_for_fbgemm(weight: Tensor, scales: Tensor, zeros: Tensor) -> Any:
    """Quantize a float32 weight (out, in) with one scale per row to an `FbgemmWeight`."""
    with warnings.catch_warnings():
        # Quantized tensors are deprecated; FBGEMM's kernels take no other input yet.
        warnings.filterwarnings("ignore", "torch.quantize_per_", UserWarning)
        warnings.filterwarnings("ignore", ".*quantiz", DeprecationWarning)
        quantized = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    return torch.ops.quantized.linear_prepack(quantized, None)


def fbgemm_int8_linear(x: Tensor, weight: FbgemmWeight, relu: bool) -> Tensor:  # type: ignore[valid-type]
    """Multiply `x` (n, in) float32, quantized with one scale for all rows, by an int8 weight; return float32."""
    if relu:
        y: Tensor = torch.ops.quantized.linear_relu_dynamic(x, weight, False)
    else:
        y = torch.ops.quantized.linear_dynamic(x, weight, False)
    return y


def int8_engine() -> str:
    """Return the name of the library that multiplies quantized tensors here; "none" where names are missing."""
    missing = not has_onednn() or any(find(name) is None for name in _FBGEMM)
    return "none" if missing else str(torch.backends.quantized.engine)


def gelu_(x: Tensor) -> Tensor:
    """Apply GELU in place, which torch's public function cannot."""
    y: Tensor = torch.ops.aten.gelu_(x)
    return y


def compile_script(program: Program) -> Program:
    """Compile a function or module to TorchScript, whose interpreter runs without Python's lock."""
    if find("jit.script") is None:
        return program
    with warnings.catch_warnings():
        # Its successors need a C++ compiler on the user's machine.
        warnings.filterwarnings("ignore", ".*torch.jit.script", DeprecationWarning)
        warnings.filterwarnings("ignore", ".*torch.jit.script", FutureWarning)
        compiled: Program = torch.jit.script(program)
    return compiled
