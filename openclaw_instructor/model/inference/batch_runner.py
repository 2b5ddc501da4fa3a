"""Run any number of prompts through a backend, in forward passes that suit its device."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from openclaw_instructor.model.batching import batches
from openclaw_instructor.model.fork import is_forked, reset_in_child
from openclaw_instructor.model.inference.backend import Backend
from openclaw_instructor.model.inference.cpu_pool import CpuPool
from openclaw_instructor.model.malloc import release_free_memory
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt

# On a CPU freed memory is released after this many tokens; four times as often would take 3% of `mini`'s time.
RELEASE_AFTER_TOKENS = 65_536

Batch = tuple[list[int], Packed]
Done = tuple[list[int], torch.Tensor]


class BatchRunner:
    """Runs forward passes of one backend: batches by token budget, one per core on a CPU, pipelined on a GPU."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._tokens_since_release = 0
        self.after_fork()
        reset_in_child(self)

    def after_fork(self) -> None:
        """Create new pools and a new lock, since threads and held locks do not survive a fork."""
        self._pools: dict[bool, CpuPool] = {}
        self._runs_in_flight = 0
        self._lock = threading.Lock()

    def run(
        self, prompts: Sequence[Prompt], batch_tokens: int | None, on_progress: Callable[[int], Any] | None
    ) -> torch.Tensor:
        """Compute embeddings (n, dimension), float32 on the CPU, in the order of `prompts`.

        A pass has at most `batch_tokens`.
        """
        with self._lock:
            self._runs_in_flight += 1
        try:
            return self._run(prompts, batch_tokens, on_progress)
        finally:
            with self._lock:
                self._runs_in_flight -= 1

    def _run(
        self, prompts: Sequence[Prompt], batch_tokens: int | None, on_progress: Callable[[int], Any] | None
    ) -> torch.Tensor:
        lengths = [len(prompt.ids) for prompt in prompts]
        tokens = sum(lengths)
        on_cpu = self.backend.device.type == "cpu"
        preferred = self.backend.preferred_tokens
        budget = min(batch_tokens or preferred, preferred)
        if on_cpu and is_forked():
            # OpenMP's threads are only in the parent process, and it would wait for them for ever.
            torch.set_num_threads(1)
        cores = torch.get_num_threads() if on_cpu else 1
        # Divide the work so that the core with the longest text is not the last one working.
        parts = min(cores, tokens // max(self.backend.tokens_per_core, max(lengths, default=0)))
        # While other passes use the cores, threads of one pass would wait for each other at every operation.
        work = self.backend.operations_per_token * tokens
        shared = work >= self.backend.shared_operations and self._runs_in_flight == 1
        apart = parts > 1 or not shared
        plan = batches(lengths, budget, max(1, parts))
        # Kernels with threads of their own run wherever they are called, the others on OpenMP threads that stay: the
        # main thread may have its own.
        elsewhere = not self.backend.has_threads and (
            apart or threading.current_thread() is not threading.main_thread()
        )
        if cores > 1 and (parts > 1 or elsewhere):
            done = self._threaded(prompts, plan, cores, apart)
        else:
            done = self._pipelined(prompts, plan)
        vectors = np.empty((len(prompts), self.backend.dimension), dtype=np.float32)
        for indices, embedded in done:
            # numpy's indexing takes half the time of torch's: 5 us instead of 10 for one row.
            vectors[indices] = embedded.cpu().numpy()
            if on_progress:
                on_progress(sum(lengths[index] for index in indices))
        if on_cpu:
            self._release_after(tokens)
        return torch.from_numpy(vectors)

    def _release_after(self, tokens: int) -> None:
        with self._lock:
            self._tokens_since_release += tokens
            due = self._tokens_since_release >= RELEASE_AFTER_TOKENS
            if due:
                self._tokens_since_release = 0
        if due:
            release_free_memory()

    def _threaded(
        self, prompts: Sequence[Prompt], plan: Iterable[list[int]], cores: int, apart: bool
    ) -> Iterator[Done]:
        """Run on our own threads: one for each core, or, if not `apart`, one for all cores."""
        threads, cores_each = (cores, 1) if apart else (1, cores)
        with self._lock:
            pool = self._pools.get(apart)
            if pool is None or (pool.count, pool.cores) != (threads, cores_each):
                pool = self._pools[apart] = CpuPool(threads, cores_each)
        return pool.run(self._forward, (self._pack(prompts, indices) for indices in plan))

    def _pipelined(self, prompts: Sequence[Prompt], plan: Iterable[list[int]]) -> Iterator[Done]:
        """Run on a GPU: enqueue the next pass before fetching the last one, so that the device never waits."""
        last: Done | None = None
        for indices in plan:
            current = self._forward(self._pack(prompts, indices))
            if last:
                yield last
            last = current
        if last:
            yield last

    def _pack(self, prompts: Sequence[Prompt], indices: list[int]) -> Batch:
        some = [prompts[index] for index in indices]
        return indices, Packed.of(some, rounded=self.backend.pads_rows, pooling=self.backend.pooling)

    @torch.inference_mode()
    def _forward(self, batch: Batch) -> Done:
        indices, packed = batch
        return indices, self.backend.embed(packed.to(self.backend.device))
