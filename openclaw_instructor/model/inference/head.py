"""Turn token states into embeddings: pooling, projections, truncation, normalisation. Always float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model.inference.backend import Backend
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.shapes import Head


class HeadWeights:
    """The head of a checkpoint with the weights of its projections, moved to a device."""

    def __init__(self, head: Head, tensors: Sequence[Mapping[str, Tensor]], device: torch.device) -> None:
        self._head = head
        self._projections = []
        for projection, each in zip(head.projections, tensors, strict=True):
            weight = each["linear.weight"].to(device, torch.float32)
            if tuple(weight.shape) != (projection.outputs, projection.inputs):
                raise InvalidCheckpoint(
                    f"{projection.folder}: linear.weight is {tuple(weight.shape)}, config.json says else"
                )
            bias = each["linear.bias"].to(device, torch.float32) if projection.bias else None
            self._projections.append((weight, bias, projection.activation == "tanh"))

    def embed(self, states: Tensor, batch: Packed) -> Tensor:
        """Compute embeddings (prompts, dimension) of token states (tokens, width)."""
        return self.project(F.embedding_bag(batch.pooled, states, batch.starts, mode="mean"))

    def project(self, pooled: Tensor) -> Tensor:
        """Compute embeddings (prompts, dimension) of pooled states (prompts, width)."""
        for weight, bias, tanh in self._projections:
            pooled = F.linear(pooled, weight, bias)
            pooled = pooled.tanh() if tanh else pooled
        if self._head.normalize:
            pooled = F.normalize(pooled, dim=-1)
        return pooled[:, : self._head.truncate_to] if self._head.truncate_to else pooled


class WithHead:
    """A T5 backend whose kernels return pooled states, followed by the projections. See `Backend`."""

    def __init__(self, inner: Backend, head: Head, weights: HeadWeights) -> None:
        self.inner, self._weights, self.pooling = inner, weights, head.pooling
        self.device, self.dtype, self.pads_rows = inner.device, inner.dtype, inner.pads_rows
        outputs = head.projections[-1].outputs if head.projections else inner.dimension
        self.dimension = head.truncate_to or outputs
        self.preferred_tokens, self.tokens_per_core = inner.preferred_tokens, inner.tokens_per_core
        self.operations_per_token, self.shared_operations = inner.operations_per_token, inner.shared_operations
        self.has_threads = inner.has_threads

    def embed(self, batch: Packed) -> Tensor:
        """Embed the batch, and apply the projections: (prompts, dimension) float32."""
        return self._weights.project(self.inner.embed(batch))

    def token_states(self, batch: Packed) -> Tensor:
        """Return the token states of the encoder, without projections."""
        return self.inner.token_states(batch)
