"""Define the protocol of a backend, which runs a loaded network with one set of kernels in one number format.

`loading.py` chooses the backend when a checkpoint is loaded for inference. There are TorchScript passes over torch's
own kernels in float32, bfloat16, int8 and split float32 (`torchscript.py`), and compiled passes in bfloat16 on AMX
(`kernels/amx`) and in int8 on AVX-512 or AVX2 (`kernels/int8`). Training uses the plain networks instead.
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
    With `has_threads` a pass runs in the thread that calls it, helped by threads of the kernels' own, not of OpenMP.
    `pooling` is `Packed.of`'s. With `pads_rows` a batch should be filled up to one of few sizes
    (`batching.rounded_up`).
    """

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the matrix products."""
        ...

    @property
    def dimension(self) -> int:
        """Number of channels of an embedding."""
        ...

    @property
    def preferred_tokens(self) -> int:
        """Number of tokens in a forward pass at which the kernels are fastest."""
        ...

    @property
    def tokens_per_core(self) -> int:
        """Least number of tokens for which using another core is worthwhile."""
        ...

    @property
    def operations_per_token(self) -> float:
        """Number of multiplications and additions for one token."""
        ...

    @property
    def shared_operations(self) -> float:
        """Number of operations from which a single pass is divided among all cores."""
        ...

    @property
    def has_threads(self) -> bool:
        """Whether the kernels have threads of their own, and need none of OpenMP's."""
        ...

    @property
    def pooling(self) -> str:
        """Pooling of token states, as for `Packed.of`."""
        ...

    @property
    def pads_rows(self) -> bool:
        """Whether a batch should be padded to one of few sizes (`batching.rounded_up`)."""
        ...

    def embed(self, batch: Packed) -> Tensor:
        """Compute embeddings (prompts, dimension) float32, normalised if the checkpoint says so."""
        ...

    def token_states(self, batch: Packed) -> Tensor:
        """Compute states (tokens, width) float32 after the last norm; padding rows have arbitrary values."""
        ...
