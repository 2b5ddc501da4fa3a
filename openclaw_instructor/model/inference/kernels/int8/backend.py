"""The int8 kernels as a backend: tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from openclaw_instructor.model.inference.kernels.int8.network import (
    PASS_TOKENS,
    SHARED_OPERATIONS,
    TOKENS_PER_CORE,
    Int8Network,
    Tokens,
)
from openclaw_instructor.model.packing import Packed


class Int8Backend:
    """Runs a quantised T5 or BERT. See `Backend`.

    `restore` makes token states of the stream before a T5's last norm. Raises MemoryError, and IndexError for tokens
    and positions that the tables do not have.
    """

    dtype, device = torch.int8, torch.device("cpu")
    tokens_per_core = TOKENS_PER_CORE
    shared_operations = SHARED_OPERATIONS
    preferred_tokens = PASS_TOKENS
    pads_rows = False  # any number of rows is as fast
    has_threads = True

    def __init__(self, network: Int8Network, restore: Callable[[Tensor], Tensor] | None = None) -> None:
        self.network, self.shape, self._restore = network, network.shape, restore
        self.dimension, self.pooling = network.dimension, "mean"
        self.operations_per_token = 2.0 * self.shape.layers * self.shape.layer_parameters

    def embed(self, batch: Packed) -> Tensor:
        """Compute embeddings (prompts, dimension) float32."""
        return torch.from_numpy(self.network.vectors(_tokens(batch), self._threads(batch)))

    def token_states(self, batch: Packed) -> Tensor:
        """Compute states (tokens, width) float32 after the final norm."""
        states = torch.from_numpy(self.network.states(_tokens(batch), self._threads(batch)))
        return self._restore(states) if self._restore else states

    def _threads(self, batch: Packed) -> int:
        shared = self.operations_per_token * len(batch.ids) >= self.shared_operations
        return torch.get_num_threads() if shared else 1


def _tokens(batch: Packed) -> Tokens:
    return Tokens(batch.ids.numpy(), batch.pooled.numpy(), batch.starts.numpy(), batch.groups)
