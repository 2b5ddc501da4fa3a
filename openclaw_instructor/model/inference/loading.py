"""Loads a checkpoint for inference: chooses number format and kernels, and converts the weights layer by layer.

Only one layer is held in float32 at a time, so the peak of memory is the result plus one layer.
"""

from __future__ import annotations

import logging
from typing import Protocol

import torch

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import choose_dtype
from openclaw_instructor.model.inference.backend import Backend
from openclaw_instructor.model.inference.folded import FoldedEnds, FoldedLayer, fold_ends, fold_layer
from openclaw_instructor.model.inference.int8_check import MIN_COSINE, Int8Check
from openclaw_instructor.model.inference.kernels import amx
from openclaw_instructor.model.inference.torchscript import TorchBuilder
from openclaw_instructor.model.malloc import release_free_memory
from openclaw_instructor.model.networks.state_dict import T5Tensors
from openclaw_instructor.model.prompt import Prompter
from openclaw_instructor.model.shapes import T5Shape

logger = logging.getLogger(__name__)


class Builder(Protocol):
    """Takes a network's weights one layer at a time and makes a backend of them."""

    def add(self, layer: FoldedLayer) -> None: ...
    def finish(self) -> Backend: ...


def load_for_inference(checkpoint: Checkpoint, dtype: str, device: torch.device, prompter: Prompter) -> Backend:
    """Load in the named number format, or with "auto" in the fastest one that keeps the checkpoint's vectors.

    Raises InvalidCheckpoint, and InvalidArguments for a format that does not run on the device.
    """
    chosen = choose_dtype(dtype, device)
    if chosen != torch.int8 or dtype != "auto":
        return load_backend(checkpoint, chosen, device)
    check = Int8Check(prompter)
    backend = load_backend(checkpoint, chosen, device, check)
    if check.least_cosine(backend) >= MIN_COSINE:
        return backend
    logger.info("int8 changes the vectors of %s too much; it runs in float32", checkpoint.folder)
    return load_backend(checkpoint, torch.float32, device)


def load_backend(
    checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device, check: Int8Check | None = None
) -> Backend:
    """Load with the fastest kernels for this format and device; `check` follows the layers in float32 meanwhile."""
    shape = checkpoint.t5_shape()
    tensors = T5Tensors(checkpoint.tensors(), shape, str(checkpoint.folder))
    outside = tensors.outside_layers()
    if check:
        check.begin(outside, shape)
    builder = _builder(fold_ends(outside), shape, dtype, device)
    del outside
    for index in range(shape.layers):
        state = tensors.layer(index)
        if check:
            check.follow(state)
        builder.add(fold_layer(state))
        del state
        release_free_memory()
    return builder.finish()


def _builder(ends: FoldedEnds, shape: T5Shape, dtype: torch.dtype, device: torch.device) -> Builder:
    if amx.is_supported(shape, dtype, device):
        return amx.AmxBuilder(ends, shape)
    return TorchBuilder(ends, shape, dtype, device)
