"""Runs prompts through an encoder in forward passes that suit the device."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from openclaw_instructor.model.inference.cpu_pool import Streams
from openclaw_instructor.model.inference.kernels import amx
from openclaw_instructor.model.malloc import give_back
from openclaw_instructor.model.networks.t5 import Encoder
from openclaw_instructor.model.packing import Packed, batches
from openclaw_instructor.model.prompt import Prompt

# A pass whose activations stay in a core's cache is fastest; a GPU wants enough work to fill it. Products of int8
# are as fast with fewer tokens, which takes less memory.
CPU_TOKENS, INT8_TOKENS, GPU_TOKENS = 768, 512, 65_536
# Fewer tokens are not worth a core of their own. On tiles they are sooner: what another core has written is as slow to
# read as memory, and the kernels lose nothing with few rows.
STREAM_TOKENS, TILES_STREAM_TOKENS = 256, 64
# On a CPU freed memory is given back after so many tokens; after a quarter of them it takes `mini` 3% of its time.
GIVE_BACK_TOKENS = 65_536
# Operations from which one pass is worth all cores: below it, waiting for one another costs more than it brings.
SHARED_WORK = 2e8

Batch = tuple[list[int], Packed]
Done = tuple[list[int], torch.Tensor]


class Passes:
    """Forward passes of one encoder: batches by token budget, one per core on a CPU, pipelined on a GPU."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._streams: dict[bool, Streams] = {}
        self._under_way = 0
        self._tokens_since = 0
        self._lock = threading.Lock()

    def run(
        self, prompts: Sequence[Prompt], batch_tokens: int | None, on_progress: Callable[[int], Any] | None
    ) -> torch.Tensor:
        """Embeddings (n, dimension) float32 on the CPU, in the order of `prompts`; at most `batch_tokens` a pass."""
        with self._lock:
            self._under_way += 1
        try:
            return self._run(prompts, batch_tokens, on_progress)
        finally:
            with self._lock:
                self._under_way -= 1

    def _run(
        self, prompts: Sequence[Prompt], batch_tokens: int | None, on_progress: Callable[[int], Any] | None
    ) -> torch.Tensor:
        lengths = [len(prompt.ids) for prompt in prompts]
        tokens = sum(lengths)
        on_cpu = self.encoder.device.type == "cpu"
        budget = min(batch_tokens or self._suits, self._suits)
        cores = torch.get_num_threads() if on_cpu else 1
        least = TILES_STREAM_TOKENS if self.encoder.on_tiles else STREAM_TOKENS
        # A core that has the longest text should not be the only one with work.
        parts = min(cores, tokens // max(least, max(lengths, default=0)))
        # Cores that other passes use would keep each other waiting at every operation.
        shared = self._operations(tokens) >= SHARED_WORK and self._under_way == 1
        apart = parts > 1 or not shared
        plan = batches(lengths, budget, max(1, parts))
        # The main thread may have a team of its own, and it stays.
        if cores > 1 and (apart or threading.current_thread() is not threading.main_thread()):
            done = self._threaded(prompts, plan, cores, apart)
        else:
            done = self._pipelined(prompts, plan)
        vectors = np.empty((len(prompts), self.encoder.shape.dimension), dtype=np.float32)
        for indices, embedded in done:
            # numpy's indexing takes half the time of torch's: 5 us instead of 10 for one row.
            vectors[indices] = embedded.cpu().numpy()
            if on_progress:
                on_progress(sum(lengths[index] for index in indices))
        if on_cpu:
            self._give_back_after(tokens)
        return torch.from_numpy(vectors)

    @property
    def _suits(self) -> int:
        if self.encoder.device.type != "cpu":
            return GPU_TOKENS
        if self.encoder.on_tiles:
            return amx.pass_tokens(self.encoder.shape.width)
        return INT8_TOKENS if self.encoder.in_int8 else CPU_TOKENS

    def _give_back_after(self, tokens: int) -> None:
        with self._lock:
            self._tokens_since += tokens
            due = self._tokens_since >= GIVE_BACK_TOKENS
            if due:
                self._tokens_since = 0
        if due:
            give_back()

    def _operations(self, tokens: int) -> float:
        shape = self.encoder.shape
        inside = shape.heads * shape.head_width
        return 2.0 * tokens * shape.layers * (4 * shape.width * inside + 2 * shape.width * shape.inner)

    def _threaded(
        self, prompts: Sequence[Prompt], plan: Iterable[list[int]], cores: int, apart: bool
    ) -> Iterator[Done]:
        """On threads of our own: one for each core, or, not `apart`, one for all of them."""
        threads, each = (cores, 1) if apart else (1, cores)
        with self._lock:
            streams = self._streams.get(apart)
            if streams is None or (streams.count, streams.cores) != (threads, each):
                streams = self._streams[apart] = Streams(threads, each)
        return streams.run(self._forward, (self._pack(prompts, indices) for indices in plan))

    def _pipelined(self, prompts: Sequence[Prompt], plan: Iterable[list[int]]) -> Iterator[Done]:
        """On a GPU the next pass is enqueued before the last one is fetched, so the device never waits for us."""
        last: Done | None = None
        for indices in plan:
            current = self._forward(self._pack(prompts, indices))
            if last:
                yield last
            last = current
        if last:
            yield last

    def _pack(self, prompts: Sequence[Prompt], indices: list[int]) -> Batch:
        # The kernels on tiles take any number of rows.
        rounded = self.encoder.device.type == "cpu" and not self.encoder.on_tiles
        return indices, Packed.of([prompts[index] for index in indices], rounded=rounded)

    @torch.inference_mode()
    def _forward(self, batch: Batch) -> Done:
        indices, packed = batch
        return indices, self.encoder(packed.to(self.encoder.device))
