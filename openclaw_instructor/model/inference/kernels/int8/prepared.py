"""Keep quantised weights in a file that is mapped at the next start. Imports no torch.

Reading and quantising a checkpoint takes torch, whose import alone takes longer than everything else a start does. The
file is derived data in safetensors' layout: it holds the digest of the C sources and the kind of kernels that it was
made for, and what does not fit is made anew.
"""

from __future__ import annotations

import json
import logging
import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from openclaw_instructor.model.inference.kernels.int8 import library
from openclaw_instructor.model.inference.kernels.int8.network import Int8Network, Weights
from openclaw_instructor.model.inference.kernels.int8.weights import Layer, Linear, Norm
from openclaw_instructor.model.inference.kernels.sources import digest
from openclaw_instructor.model.shapes import BertShape, T5Shape

logger = logging.getLogger(__name__)

VERSION = 1  # of what is stored, and of how weights are quantised
LONGEST_HEADER = 1 << 20
DTYPES = {"I8": np.int8, "U16": np.uint16, "F32": np.float32}
PRODUCTS = ("qkv", "out", "up", "down")


def made_for(kernels: str) -> str:
    """Return what a file must have been made for to be used with these kernels."""
    return f"{VERSION} {kernels} {digest(library.LIBRARY.parent)}"


def save(path: Path, network: Int8Network) -> None:
    """Write a network's weights, replacing what other checkpoints left there. A full disk only makes starts slower."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = dict(_arrays(network.weights))
    about = {
        "made_for": made_for(network.kernels),
        "normalize": json.dumps(bool(network.normalize)),
        "checksum": str(_checksum(arrays)),
    }
    fresh = path.with_name(f".{path.name}-{os.urandom(8).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(arrays, fresh, about)
        for old in path.parent.glob("*.safetensors"):
            old.unlink()
        fresh.replace(path)
    except (OSError, SafetensorError) as error:  # a full disk is the latter
        why = getattr(error, "strerror", None) or error
        logger.warning("%s: cannot be written (%s), so the next start takes longer", path, why)
    finally:
        with suppress(OSError):
            fresh.unlink()


def load(path: Path, shape: T5Shape | BertShape) -> Int8Network | None:
    """Map a file of `save`, or return None if it is not there, damaged, of another shape or for other kernels."""
    layout = library.best_layout()
    if layout is None:
        return None
    try:
        arrays, about = _map(path)
        weights = _weights(arrays, shape, layout.panel)
        normalize, checksum = json.loads(about["normalize"]), int(about["checksum"])
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    if about.get("made_for") != made_for(layout.name) or not isinstance(normalize, bool):
        return None
    if checksum != _checksum(arrays):
        return None
    return Int8Network(layout.name, shape, weights, normalize)


def _checksum(arrays: Mapping[str, Any]) -> int:
    """Compute the checksum of all numbers."""
    checksum = 0
    for _, array in sorted(arrays.items()):
        checksum = zlib.crc32(np.ascontiguousarray(array).data.cast("B"), checksum)
    return checksum


def _arrays(weights: Weights) -> Iterator[tuple[str, Any]]:
    for name in ("table", "positions", "dense", "relative"):
        if (array := getattr(weights, name)) is not None:
            yield name, array
    if weights.embedding:
        yield from _parts("embedding", weights.embedding)
    for index, layer in enumerate(weights.layers):
        for field in fields(layer):
            if (part := getattr(layer, field.name)) is not None:
                yield from _parts(f"{index}.{field.name}", part)


def _parts(name: str, part: Linear | Norm) -> Iterator[tuple[str, Any]]:
    yield from ((f"{name}.{field.name}", getattr(part, field.name)) for field in fields(part))


def _map(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Map the arrays of a file by name; raises ValueError and others for a damaged one."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > LONGEST_HEADER:
            raise ValueError("the header is too long")
        header = json.loads(file.read(length))
        content = np.memmap(file, np.uint8, "r", 8 + length)
    about = header.pop("__metadata__")
    arrays = {}
    for name, entry in header.items():
        dtype, (start, end), shape = np.dtype(DTYPES[entry["dtype"]]), entry["data_offsets"], entry["shape"]
        if not 0 <= start <= end <= len(content) or end - start != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} does not fit the file")
        arrays[name] = content[start:end].view(dtype).reshape(shape)
    return arrays, about


def _weights(arrays: Mapping[str, Any], shape: T5Shape | BertShape, panel: int) -> Weights:
    """Assemble the weights and check every size, because C reads as many numbers as the shape says."""
    attention, width, inner = shape.heads * shape.head_width, shape.width, shape.inner
    sizes = {"qkv": (3 * attention, width), "out": (width, attention), "up": (inner, width), "down": (width, inner)}

    def take(name: str, dtype: type, *size: int) -> Any:
        array = arrays[name]
        if array.shape != size or array.dtype != dtype:
            raise ValueError(f"{name} is {array.shape}, not {size}")
        return array

    def linear(name: str, outputs: int, inputs: int) -> Linear:
        panels = take(f"{name}.panels", np.int8, outputs // panel, inputs // 4, panel, 4)
        return Linear(panels, *(take(f"{name}.{part}", np.float32, outputs) for part in ("scales", "sums", "bias")))

    def norm(name: str) -> Norm:
        return Norm(*(take(f"{name}.{part}", np.float32, width) for part in ("weight", "bias")))

    def layer(index: int) -> Layer:
        qkv, out, up, down = (linear(f"{index}.{name}", *sizes[name]) for name in PRODUCTS)
        attention, feed = (norm(f"{index}.{name}") if is_bert else None for name in ("attention", "feed"))
        return Layer(qkv, out, up, down, attention, feed)

    is_bert = isinstance(shape, BertShape)
    table = take("table", np.uint16, shape.vocab_size, width)
    layers = [layer(index) for index in range(shape.layers)]
    relative = take("relative", np.float32, shape.buckets, shape.heads) if shape.buckets else None
    if isinstance(shape, BertShape):
        positions = take("positions", np.float32, shape.positions, width)
        return Weights(table, layers, positions, norm("embedding"), relative=relative)
    return Weights(table, layers, dense=take("dense", np.float32, width, shape.dimension), relative=relative)
