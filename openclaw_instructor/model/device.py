"""Choose device and number format."""

from __future__ import annotations

from functools import cache
from time import perf_counter

import torch
import torch.nn.functional as F  # noqa: N812

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model.torch_private import has_cpu_feature, has_onednn, int8_engine

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
# The libraries of torch that multiply int8 weights with a scale for each row.
INT8_ENGINES = ("x86", "fbgemm", "onednn")


def choose_device(name: str | None) -> torch.device:
    """Return the named device, else cuda, else mps, else cpu. Raises InvalidArguments for one that is not here."""
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
    """Choose the number format of inference.

    `auto` is bfloat16 where the device has matrix instructions for it (GPUs, AMX), else int8 where that runs, else
    float32. Raises InvalidArguments, also for float16.

    AVX512's bfloat16 instruction alone is not enough: in int8 a pass takes a fifth of the time.
    """
    if name == "auto":
        if _multiplies_bfloat16(device):
            return torch.bfloat16
        return torch.int8 if has_int8(device) else torch.float32
    if name in ("float16", "fp16", "half"):
        raise InvalidArguments(
            "dtype float16: T5 overflows in it (huggingface/transformers#9295); use bfloat16 or float32"
        )
    if name not in DTYPES:
        raise InvalidArguments(f"dtype {name!r} is unknown; use auto, {', '.join(DTYPES)}")
    if name == "int8" and not has_int8(device):
        raise InvalidArguments(f"dtype int8: it runs on x86 processors only, not on this {device.type}; use auto")
    return DTYPES[name]


def choose_training_dtype(name: str, device: torch.device) -> torch.dtype:
    """Choose the number format of matrix products in training.

    `auto` is bfloat16 where that is faster, else float32, which is ten times as fast as emulated bfloat16. Raises
    InvalidArguments, also for int8, which has no gradients.
    """
    if name == "auto":
        return torch.bfloat16 if _trains_faster_in_bfloat16(device) else torch.float32
    if name == "int8":
        raise InvalidArguments("dtype int8 is a format to serve in; train in auto, float32 or bfloat16")
    return choose_dtype(name, device)


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Compute products in `dtype` while training, where the device has a choice and it is not float32.

    Cast weights are not cached, because a cached one would connect the graphs of several passes.
    """
    enabled = device.type in ("cpu", "cuda") and dtype != torch.float32
    return torch.autocast(device.type, dtype, enabled, cache_enabled=False)


def has_int8(device: torch.device) -> bool:
    """Whether torch has int8 kernels for the device. Ours for ARM need none of them."""
    return device.type == "cpu" and int8_engine() in INT8_ENGINES


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device has matrix instructions for bfloat16, not only vector instructions."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return has_amx(device)


def has_amx(device: torch.device) -> bool:
    """Whether the device is a processor with AMX, and torch has oneDNN to use it."""
    return device.type == "cpu" and has_onednn() and has_cpu_feature("amx_tile")


def _trains_faster_in_bfloat16(device: torch.device) -> bool:
    has_vectors = device.type == "cpu" and has_cpu_feature("avx512_bf16")
    return _multiplies_bfloat16(device) or (has_vectors and _vectors_are_faster())


@cache
def _vectors_are_faster() -> bool:
    """Whether AVX512's bfloat16 is faster than float32; measured once, because on some processors it is slower."""
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
