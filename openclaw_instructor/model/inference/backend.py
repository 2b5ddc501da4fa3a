"""What runs a loaded network: one set of kernels in one number format, behind one protocol.

`loading.py` chooses the backend when a checkpoint is loaded for inference. There are TorchScript passes over torch's
own kernels in float32, bfloat16, int8 and split float32 (`torchscript.py`), and a compiled pass on AMX
(`kernels/amx`). Training uses the plain networks instead.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from openclaw_instructor.model.packing import Packed


class Backend(Protocol):
    """Computes embeddings of packed batches; safe to share between threads.

    `preferred_tokens` is the size of a forward pass at which these kernels are fastest, `tokens_per_core` the least
    that is worth a core of its own, `operations_per_token` how many multiplications and additions a token takes,
    `shared_operations` from how many on a single pass is divided among all cores.
    `pooling` is `Packed.of`'s. With `pads_rows` a batch should be filled up to one of few sizes (`packing.rounded_up`).
    """

    @property
    def device(self) -> torch.device: ...
    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def dimension(self) -> int: ...
    @property
    def preferred_tokens(self) -> int: ...
    @property
    def tokens_per_core(self) -> int: ...
    @property
    def operations_per_token(self) -> float: ...
    @property
    def shared_operations(self) -> float: ...
    @property
    def pooling(self) -> str: ...
    @property
    def pads_rows(self) -> bool: ...

    def embed(self, batch: Packed) -> Tensor:
        """Embeddings (prompts, dimension) float32, normalised if the checkpoint says so."""
        ...

    def token_states(self, batch: Packed) -> Tensor:
        """States (tokens, width) float32 after the last norm; rows of filler hold anything."""
        ...
