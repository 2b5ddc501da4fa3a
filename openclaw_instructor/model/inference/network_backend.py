"""Run a plain network with the linear layers of a number format, compiled to TorchScript on a CPU."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import Tensor

from openclaw_instructor.model.inference.head import HeadWeights
from openclaw_instructor.model.inference.linear import replace_linears
from openclaw_instructor.model.inference.torchscript import (
    CPU_TOKENS,
    GPU_TOKENS,
    INT8_TOKENS,
    SHARED_OPERATIONS,
    TOKENS_PER_CORE,
    UNCOMPILED_FROM,
)
from openclaw_instructor.model.networks.attention import Group
from openclaw_instructor.model.networks.bert import BertEncoder
from openclaw_instructor.model.networks.modernbert import ModernBertEncoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.shapes import Head
from openclaw_instructor.model.torch_private import compile_script

Forward = Callable[[Tensor, list[Group], list[Tensor], bool], Tensor]


class NetworkBackend:
    """A BERT-like or ModernBERT network. See `Backend`."""

    tokens_per_core = TOKENS_PER_CORE
    shared_operations = SHARED_OPERATIONS
    has_threads = False

    def __init__(
        self,
        network: BertEncoder | ModernBertEncoder,
        head: Head,
        weights: HeadWeights,
        dimension: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.dtype, self.device, self.dimension, self.pooling = dtype, device, dimension, head.pooling
        self.pads_rows = on_cpu = device.type == "cpu"
        self.preferred_tokens = (INT8_TOKENS if dtype == torch.int8 else CPU_TOKENS) if on_cpu else GPU_TOKENS
        self.operations_per_token = 2.0 * sum(p.numel() for p in network.layers.parameters())
        self._weights, self._prepared = weights, _Prepared(network, torch.float32 if dtype == torch.int8 else dtype)
        replace_linears(network, dtype, device)
        network.to(device).requires_grad_(False).eval()
        compiles = on_cpu and sys.version_info < UNCOMPILED_FROM
        self._forward: Forward = compile_script(network) if compiles else network

    def embed(self, batch: Packed) -> Tensor:
        """Compute embeddings (prompts, dimension) float32."""
        return self._weights.embed(self.token_states(batch), batch)

    def token_states(self, batch: Packed) -> Tensor:
        """Compute states (tokens, width) float32 after the last norm."""
        return self._forward(batch.ids, batch.groups, self._prepared.of(batch.longest), self.pads_rows)


class _Prepared:
    """Caches what a network prepares for the longest text so far; safe to share between threads."""

    def __init__(self, network: BertEncoder | ModernBertEncoder, dtype: torch.dtype) -> None:
        self._network, self._dtype = network, dtype
        self._kept: tuple[int, list[Tensor]] | None = None

    def of(self, length: int) -> list[Tensor]:
        kept = self._kept
        if kept is None or kept[0] < length:
            # Lengths are rounded up, so that a sequence of ever longer texts is not prepared for each.
            longest = -(-length // 64) * 64
            prepared = self._network.prepare(longest)
            # Biases are added to scores in the format of the products; rotary tables stay float32.
            kept = self._kept = longest, [p.to(self._dtype).contiguous() if p.dim() == 4 else p for p in prepared]
        return kept[1]
