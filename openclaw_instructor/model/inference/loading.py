"""Load a checkpoint for inference: choose number format and kernels, and convert the weights layer by layer.

Only one layer is held in float32 at a time, so the peak of memory is the result plus one layer.
"""

from __future__ import annotations

import logging
from typing import Protocol, TypeAlias

import torch

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.configuration import is_plain
from openclaw_instructor.model.device import choose_dtype, has_int8
from openclaw_instructor.model.inference.backend import Backend
from openclaw_instructor.model.inference.folded import FoldedEnds, FoldedLayer, fold_ends, fold_layer
from openclaw_instructor.model.inference.head import HeadWeights, WithHead
from openclaw_instructor.model.inference.int8_check import MIN_COSINE, Int8Check
from openclaw_instructor.model.inference.kernels import amx
from openclaw_instructor.model.inference.kernels.int8 import builders as int8
from openclaw_instructor.model.inference.kernels.int8 import library
from openclaw_instructor.model.inference.kernels.int8.backend import Int8Backend
from openclaw_instructor.model.inference.network_backend import NetworkBackend
from openclaw_instructor.model.inference.torchscript import TorchBackend, TorchBuilder
from openclaw_instructor.model.malloc import release_free_memory
from openclaw_instructor.model.networks.bert import BertEncoder
from openclaw_instructor.model.networks.modernbert import ModernBertEncoder
from openclaw_instructor.model.networks.names import read_state
from openclaw_instructor.model.networks.state_dict import T5Tensors
from openclaw_instructor.model.prompt import Prompter
from openclaw_instructor.model.shapes import BertShape, ModernBertShape, Shape, T5Shape

logger = logging.getLogger(__name__)

T5Backend: TypeAlias = TorchBackend | amx.AmxBackend | Int8Backend


class Builder(Protocol):
    """Builds a backend from a network's weights, one layer at a time."""

    def add(self, layer: FoldedLayer) -> None:
        """Add the next layer."""
        ...

    def finish(self) -> T5Backend:
        """Return the backend with all layers that were added."""
        ...


def load_for_inference(checkpoint: Checkpoint, dtype: str, device: torch.device, prompter: Prompter) -> Backend:
    """Load in the named number format, or with "auto" in the fastest one that keeps the checkpoint's vectors.

    Raises InvalidCheckpoint, and InvalidArguments for a format that does not run on the device.
    """
    chosen = number_format(checkpoint.shape, dtype, device)
    if chosen != torch.int8 or dtype != "auto":
        return load_backend(checkpoint, chosen, device)
    check = Int8Check(prompter, checkpoint.head.pooling)
    backend = load_backend(checkpoint, chosen, device, check)
    # A T5's samples were computed up to the pooled states, which are what its kernels return.
    is_t5 = isinstance(checkpoint.shape, T5Shape)
    compared = backend.inner if is_t5 and isinstance(backend, WithHead) else backend
    if check.least_cosine(compared) >= MIN_COSINE:
        return backend
    logger.info("int8 changes the vectors of %s too much; it runs in float32", checkpoint.folder)
    return load_backend(checkpoint, torch.float32, device)


def number_format(shape: Shape, dtype: str, device: torch.device) -> torch.dtype:
    """Choose the format that is tried first; with "auto", int8 has to keep the vectors. Raises InvalidArguments."""
    # torch has no int8 kernels for ARM, where these run.
    only_ours = not has_int8(device) and int8.is_supported(shape, torch.int8, device)
    return torch.int8 if only_ours and dtype in ("auto", "int8") else choose_dtype(dtype, device)


def kernels_of(shape: Shape, dtype: str, device: torch.device) -> str:
    """Say in words which kernels compute a network of this shape. Raises InvalidArguments."""
    chosen = number_format(shape, dtype, device)
    if isinstance(shape, T5Shape) and amx.is_supported(shape, chosen, device):
        return "our own, for AMX"
    if int8.is_supported(shape, chosen, device) and (layout := library.best_layout()):
        return f"our own, in int8 for {layout.name}"
    return f"torch's, on {device}"


def load_backend(
    checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device, check: Int8Check | None = None
) -> Backend:
    """Load with the fastest kernels for this format and device; `check` computes its samples in float32 meanwhile."""
    shape = checkpoint.shape
    if isinstance(shape, T5Shape):
        inner = _load_t5(checkpoint, shape, dtype, device, check)
        inner.pooling = checkpoint.head.pooling
        return inner if is_plain(checkpoint.head) else WithHead(inner, checkpoint.head, _head(checkpoint, device))
    network = _read_network(checkpoint, shape)
    weights = _head(checkpoint, device)
    if check:
        check.compute(network, weights)
    if isinstance(network, BertEncoder) and isinstance(shape, BertShape) and int8.is_supported(shape, dtype, device):
        inner = int8.bert_backend(network, shape, checkpoint.head)
        inner.pooling = checkpoint.head.pooling
        head = checkpoint.head
        backend: Backend = WithHead(inner, head, weights) if head.projections or head.truncate_to else inner
    else:
        backend = NetworkBackend(network, checkpoint.head, weights, checkpoint.dimension, dtype, device)
    release_free_memory()
    return backend


def _load_t5(
    checkpoint: Checkpoint, shape: T5Shape, dtype: torch.dtype, device: torch.device, check: Int8Check | None
) -> T5Backend:
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


def _read_network(checkpoint: Checkpoint, shape: BertShape | ModernBertShape) -> BertEncoder | ModernBertEncoder:
    tensors = checkpoint.tensors()
    with torch.device("meta"):
        network = BertEncoder(shape) if isinstance(shape, BertShape) else ModernBertEncoder(shape)
    sizes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    network.load_state_dict(read_state(tensors, shape, sizes, str(checkpoint.folder)), assign=True)
    return network.requires_grad_(False).eval()


def _head(checkpoint: Checkpoint, device: torch.device) -> HeadWeights:
    tensors = [checkpoint.projection_tensors(index) for index in range(len(checkpoint.head.projections))]
    return HeadWeights(checkpoint.head, tensors, device)


def _builder(ends: FoldedEnds, shape: T5Shape, dtype: torch.dtype, device: torch.device) -> Builder:
    if amx.is_supported(shape, dtype, device):
        return amx.AmxBuilder(ends, shape)
    if int8.is_supported(shape, dtype, device):
        return int8.T5Builder(ends, shape)
    return TorchBuilder(ends, shape, dtype, device)
