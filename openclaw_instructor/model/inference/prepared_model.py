"""Embed with weights that were prepared at an earlier start, without torch.

Importing torch takes 1.3 s and 220 MB, more than everything else that a server of a small model needs. This runs the
int8 kernels on their own: the first start reads the checkpoint with torch (`loading.py`) and leaves a file behind.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor.model.batching import batches, row_of
from openclaw_instructor.model.configuration import is_plain
from openclaw_instructor.model.inference.kernels.int8 import library, prepared
from openclaw_instructor.model.inference.kernels.int8.network import (
    PASS_TOKENS,
    SHARED_OPERATIONS,
    TOKENS_PER_CORE,
    Int8Network,
    Tokens,
)
from openclaw_instructor.model.shapes import BertShape, T5Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.model.checkpoint import Checkpoint
    from openclaw_instructor.model.prompt import Prompt

AHEAD = 3  # batches per core that are running or ready


class PreparedModel:
    """Embeds prompts with the int8 kernels; safe to share between threads."""

    def __init__(self, network: Int8Network, pooling: str, cores: int) -> None:
        self.network, self._pooling, self._cores = network, pooling, cores
        self._operations = 2.0 * network.shape.layers * network.shape.layer_parameters
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="encoder")

    def embed(
        self,
        prompts: Sequence[Prompt],
        batch_tokens: int | None = None,
        on_progress: Callable[[int], Any] | None = None,
    ) -> NDArray[np.float32]:
        """Embed as (n, dimension) float32, L2-normalised, in the order of `prompts`; progress counts tokens."""
        lengths = [len(prompt.ids) for prompt in prompts]
        tokens = sum(lengths)
        parts = min(self._cores, tokens // max(TOKENS_PER_CORE, max(lengths, default=0)))
        plan = batches(lengths, min(batch_tokens or PASS_TOKENS, PASS_TOKENS), max(1, parts))
        vectors = np.empty((len(prompts), self.network.dimension), np.float32)
        rows = (self._row(prompts, indices) for indices in plan)
        for indices, embedded in self._apart(rows) if parts > 1 else map(self._together, rows):
            vectors[indices] = embedded
            if on_progress:
                on_progress(sum(lengths[index] for index in indices))
        # Like torch's `normalize`.
        unit: NDArray[np.float32] = vectors / np.maximum(
            np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12)
        )
        return unit

    def _row(self, prompts: Sequence[Prompt], indices: list[int]) -> tuple[list[int], Tokens]:
        row = row_of([prompts[index] for index in indices], self._pooling)
        ids, pooled, starts = (np.array(numbers, np.int64) for numbers in (row.ids, row.pooled, row.starts))
        return indices, Tokens(ids, pooled, starts, row.groups)

    def _alone(self, row: tuple[list[int], Tokens]) -> tuple[list[int], NDArray[np.float32]]:
        return row[0], self.network.vectors(row[1])

    def _together(self, row: tuple[list[int], Tokens]) -> tuple[list[int], NDArray[np.float32]]:
        shared = self._operations * len(row[1].ids) >= SHARED_OPERATIONS
        return row[0], self.network.vectors(row[1], self._cores if shared else 1)

    def _apart(self, rows: Iterator[tuple[list[int], Tokens]]) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Run a batch on each core; a few are made ahead."""
        running = deque(self._pool.submit(self._alone, row) for row in islice(rows, AHEAD * self._cores))
        while running:
            yield running.popleft().result()
            running.extend(self._pool.submit(self._alone, row) for row in islice(rows, 1))


def open_prepared(folder: Path, checkpoint: Checkpoint, dtype: str, device: str | None, cores: int | None) -> Any:
    """Return a `PreparedModel` if an earlier start left one and the settings allow it, else None."""
    shape = checkpoint.shape
    if not isinstance(shape, T5Shape | BertShape) or not is_whole(checkpoint) or not runs_here(dtype, device):
        return None
    network = prepared.load(path_of(folder, checkpoint), shape)
    return PreparedModel(network, checkpoint.head.pooling, cores or physical_cores()) if network else None


def keep_prepared(folder: Path, checkpoint: Checkpoint, backend: object) -> None:
    """Leave a backend's weights for the next start, if it is one of the int8 kernels and all of the checkpoint."""
    network = getattr(backend, "network", None)
    if isinstance(network, Int8Network) and is_whole(checkpoint):
        prepared.save(path_of(folder, checkpoint), network)


def path_of(folder: Path, checkpoint: Checkpoint) -> Path:
    """Return the file of a checkpoint's prepared weights."""
    return folder / f"{checkpoint.identity}.safetensors"


def is_whole(checkpoint: Checkpoint) -> bool:
    """Whether the kernels compute all of a checkpoint, its projection and normalisation included."""
    few = not checkpoint.head.projections or isinstance(checkpoint.shape, T5Shape)
    return few and is_plain(checkpoint.head)


def runs_here(dtype: str, device: str | None) -> bool:
    """Whether int8 on the processor is what these settings mean on this machine."""
    # Without a word about it a Mac computes on its GPU.
    if device != "cpu" and (device is not None or sys.platform == "darwin"):
        return False
    if dtype == "int8":
        return True
    # With a GPU or AMX `auto` is bfloat16.
    return dtype == "auto" and not library.has_amx() and not (device is None and any(Path("/dev").glob("nvidia[0-9]*")))


def physical_cores() -> int:
    """Count the cores that this process may use; two threads of one core count once, as torch counts them."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    if sys.platform != "linux":
        return os.cpu_count() or 1
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings.read_text() if siblings.is_file() else str(cpu))
    return len(cores)
