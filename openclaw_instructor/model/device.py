"""Which processor, which number format, how many threads."""

from __future__ import annotations

from functools import cache
from time import perf_counter

import torch
import torch.nn.functional as F  # noqa: N812

from openclaw_instructor.errors import InvalidArguments

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
# torch's kernels for products of int8; others lack ones for weights with a scale for each row.
INT8_ENGINES = ("x86", "fbgemm", "onednn")


def choose_device(name: str | None) -> torch.device:
    """The named device, else cuda, else mps, else cpu. Raises InvalidArguments for a name that is not here."""
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InvalidArguments(f"device {name!r} is unknown; use cpu, cuda, cuda:0 or mps") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InvalidArguments(f"device {name!r}: this machine has no usable CUDA device; use cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InvalidArguments(f"device {name!r}: this machine has no usable Metal device; use cpu")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """What to serve in. `auto` is bfloat16 where matrices are multiplied in it (GPUs, AMX), else int8 where that runs,
    else float32. float16 is refused.

    AVX512's instruction for bfloat16 is no reason for it: in int8 a pass takes a fifth of the time. int8 is for serving
    on a CPU: weights are rounded once, what they multiply anew each time.
    """
    if name == "auto":
        if _multiplies_bfloat16(device):
            return torch.bfloat16
        return torch.int8 if _has_int8(device) else torch.float32
    if name in ("float16", "fp16", "half"):
        raise InvalidArguments(
            "dtype float16: T5 overflows in it (huggingface/transformers#9295); use bfloat16 or float32"
        )
    if name not in DTYPES:
        raise InvalidArguments(f"dtype {name!r} is unknown; use auto, {', '.join(DTYPES)}")
    if name == "int8" and not _has_int8(device):
        raise InvalidArguments(f"dtype int8: it runs on x86 processors only, not on this {device.type}; use auto")
    return DTYPES[name]


def choose_training_dtype(name: str, device: torch.device) -> torch.dtype:
    """What matrix products are trained in: `auto` is bfloat16 where that is faster, else float32, which is ten times as
    fast as emulating it. int8 has no gradients and is refused."""
    if name == "auto":
        return torch.bfloat16 if _trains_faster_in_bfloat16(device) else torch.float32
    if name == "int8":
        raise InvalidArguments("dtype int8 is a format to serve in; train in auto, float32 or bfloat16")
    return choose_dtype(name, device)


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Products in `dtype` for training, where the device can choose and it is not float32; nothing otherwise.

    Cast weights are not kept: one that is would tie the graphs of several passes together.
    """
    enabled = device.type in ("cpu", "cuda") and dtype != torch.float32
    return torch.autocast(device.type, dtype, enabled, cache_enabled=False)


def _has_int8(device: torch.device) -> bool:
    return device.type == "cpu" and torch.backends.quantized.engine in INT8_ENGINES


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device has units for products of bfloat16 matrices, not only for pairs of vectors."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return has_tiles(device)


def has_tiles(device: torch.device) -> bool:
    """Whether it is a processor with AMX, and oneDNN is there to use it."""
    return device.type == "cpu" and torch._C._has_mkldnn and bool(torch.cpu._is_amx_tile_supported())


def _trains_faster_in_bfloat16(device: torch.device) -> bool:
    only_vectors: bool = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return _multiplies_bfloat16(device) or (only_vectors and _vectors_are_faster())


@cache
def _vectors_are_faster() -> bool:
    """Tried once, because processors differ: on one the instruction took twice the time of float32's."""
    return _seconds_of_product(torch.bfloat16) < _seconds_of_product(torch.float32)


@torch.no_grad()
def _seconds_of_product(dtype: torch.dtype) -> float:
    rows, weight = torch.ones(512, 768, dtype=dtype), torch.ones(768, 768, dtype=dtype)
    seconds = []
    for _ in range(5):
        began = perf_counter()
        F.linear(rows, weight)
        seconds.append(perf_counter() - began)
    return min(seconds)
