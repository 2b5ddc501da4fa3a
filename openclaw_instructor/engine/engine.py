"""Share one model behind a queue: loaded on first use, run by one worker thread, unloaded when idle."""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import lru_cache
from typing import Any

from openclaw_instructor.engine.cache import BufferedCache
from openclaw_instructor.engine.cancellation import register
from openclaw_instructor.engine.embedders import open_embedder
from openclaw_instructor.engine.embedders.protocol import Embedder, Role
from openclaw_instructor.engine.queue import Embeddings, Priority, Request, RequestQueue
from openclaw_instructor.engine.scheduler import Scheduler
from openclaw_instructor.errors import Busy, ModelLoading, ServiceError
from openclaw_instructor.model.prompt import JOIN_RULE
from openclaw_instructor.settings import Settings
from openclaw_instructor.text import clean

_SETTLE_AFTER = 1.0  # seconds without work after which vectors are written and free memory is returned


class Engine:
    """Embeds texts for every thread of the process. Creating one is cheap and loads nothing.

    `open_embedder(settings)` is called on first use, and again after the model was unloaded.
    """

    def __init__(self, settings: Settings, *, open_embedder: Callable[[Settings], Embedder] = open_embedder) -> None:
        self.settings = settings
        self._process = os.getpid()
        self._open_embedder = open_embedder
        self._embedder: Embedder | None = None
        self._queue = RequestQueue(settings.queue_texts)
        self._changed = threading.Condition()
        self._scheduler = Scheduler(lambda: self.embedder, self.identity, settings.batch_tokens, self._wake)
        self._worker: threading.Thread | None = None
        self._requests = 0
        self._refused = 0
        self._closed = False
        self._unload_asked = False
        self._listening = True

    @property
    def embedder(self) -> Embedder:
        """The embedder of the settings, opened on first use. Raises InvalidCheckpoint, CheckpointUnavailable."""
        embedder = self._embedder
        if embedder is None:
            embedder = self._embedder = self._open_embedder(self.settings)
        return embedder

    @property
    def opened(self) -> bool:
        """Whether `embedder` answers at once: opening a checkpoint may take a download."""
        return self._embedder is not None

    @property
    def checkpoint_name(self) -> str:
        """The name of the checkpoint in use."""
        return self.embedder.name

    @property
    def dimension(self) -> int:
        """The number of channels of a vector."""
        return self.embedder.dimension

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory now."""
        return self._scheduler.loaded

    @property
    def loading(self) -> bool:
        """Whether the weights are being loaded right now."""
        return self._scheduler.loading_since is not None

    @property
    def load_count(self) -> int:
        """How many times the model was loaded."""
        return self._scheduler.counters.loads

    def identity(self, instruction: str, extra: str = "") -> str:
        """Hash everything that makes two vectors comparable.

        That is: checkpoint, instruction as rendered, join rule, length limit, dimension, `extra` of the caller's, and
        int8 by request, which no samples were checked for.
        """
        embedder = self.embedder
        parts = (embedder.identity, instruction, JOIN_RULE, embedder.max_seq_length, embedder.dimension, extra)
        return _digest((*parts, "int8") if self.settings.dtype == "int8" else parts)

    def submit(
        self,
        texts: Sequence[str],
        instruction: str = "",
        *,
        role: Role = "text",
        priority: Priority = Priority.INTERACTIVE,
        on_progress: Callable[[int, int], Any] | None = None,
    ) -> Future[Embeddings]:
        """Queue texts; the future's work is dropped when it is cancelled.

        `role` is for models that tell queries from documents by other means than the instruction.
        `on_progress(done, total)` counts texts and runs in the worker thread. Raises Busy when the queue is full; the
        future raises what loading and running the model raise. Raises ServiceError in a forked process, which has no
        worker thread.
        """
        if os.getpid() != self._process:
            raise ServiceError(
                "this process was forked off the engine's and has none of its threads; make a new engine"
            )
        request = Request([clean(text) for text in texts], instruction, priority, role, on_progress)
        if not request.texts:
            request.future.set_result(self._nothing())
            return request.future
        with self._changed:
            if self._closed:
                raise ServiceError("the engine is closed; make a new one")
            self._scheduler.sizer.note(priority)
            self._enqueue(request)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="engine", daemon=True)
                self._worker.start()
            # The worker is not woken for requests that only join the queue: that costs more than a small request.
            if self._listening:
                self._changed.notify_all()
        register(request.future)
        return request.future

    def embed(
        self,
        texts: Sequence[str],
        instruction: str = "",
        *,
        role: Role = "text",
        priority: Priority = Priority.INTERACTIVE,
        on_progress: Callable[[int, int], Any] | None = None,
        timeout: float | None = None,
    ) -> Embeddings:
        """Embed texts and wait for them.

        Except for bulk work, callers wait at most `settings.load_wait` seconds for a model that is still loading, and
        everybody at most `timeout` seconds. Raises ModelLoading or Busy (both with `retry_after`), and what `submit`
        raises.
        """
        future = self.submit(texts, instruction, role=role, priority=priority, on_progress=on_progress)
        started = time.monotonic()
        patience = None if priority is Priority.BULK else self.settings.load_wait
        while True:
            limits = [limit for limit in (timeout, patience) if limit is not None]
            left = max(0.0, min(limits) - (time.monotonic() - started)) if limits else None
            try:
                return future.result(left)
            except FutureTimeout:
                if future.done():
                    continue
                if self.loading:
                    future.cancel()
                    raise self.loading_error() from None
                if timeout is not None and time.monotonic() - started >= timeout:
                    future.cancel()
                    raise Busy(f"the model did not get to this within {timeout:g} s; try again") from None
                patience = None

    def loading_error(self) -> ModelLoading:
        """Make the error for a caller that will not wait any longer for the model."""
        retry_after = float(min(60, max(1, round(self._scheduler.load_left()))))
        name = self.settings.checkpoint
        return ModelLoading(f"the model `{name}` is still loading, retry in {retry_after:g} s", retry_after)

    def stats(self) -> dict[str, Any]:
        """Return counters since the start and the state now; never a text."""
        with self._changed:
            waiting = {priority.name.lower(): self._queue.texts(priority) for priority in Priority}
            requests, dropped = len(self._queue), self._queue.dropped
        return {
            "loaded": self.loaded,
            "loading": self.loading,
            "queue_requests": requests,
            "queue_texts": waiting,
            "requests": self._requests,
            "busy": self._refused,
            "cancelled": dropped,
            **self._scheduler.stats(),
        }

    def unload(self) -> None:
        """Free the weights as soon as the passes in flight are over; the next request loads them again."""
        with self._changed:
            if self._worker is not None and self._worker.is_alive():
                self._unload_asked = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._unload_asked or self._closed)

    def close(self) -> None:
        """Fail the waiting requests, stop the worker, free the model. Blocks until the passes in flight are done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._worker is not None and self._worker is not threading.current_thread():
            self._worker.join()
        self._close_embedder()

    def _close_embedder(self) -> None:
        embedder, self._embedder = self._embedder, None
        if embedder is not None:
            embedder.close()

    def _enqueue(self, request: Request) -> None:
        counters = self._scheduler.counters
        seconds_per_text = counters.seconds / counters.texts if counters.texts else 0.05
        try:
            self._queue.put(request, seconds_per_text)
        except Busy:
            self._refused += 1
            raise
        self._requests += 1

    def _work(self) -> None:
        scheduler = self._scheduler
        if self.settings.cache_mb:
            scheduler.cache = BufferedCache(self.settings.home / "cache.db", self.settings.cache_mb << 20)
        while (requests := self._next()) is not None:
            self._remove(scheduler.step(requests))
        self._remove(scheduler.finish())
        for request in self._queue.clear():
            request.fail(ServiceError("the engine was closed before it got to this"))
        scheduler.close()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _remove(self, ended: Sequence[Request]) -> None:
        with self._changed:
            self._queue.remove(ended)

    def _next(self) -> list[Request] | None:
        """Wait until a pass may start and return requests for it, or an empty list when one has to be ended.

        None once the engine is closed. The model is unloaded here when it has been idle.
        """
        passes = self._scheduler.passes
        with self._changed:
            while not self._closed:
                if self._unload_asked and not passes:
                    self._scheduler.unload()
                    # Its folder may hold another checkpoint when it is loaded again.
                    self._close_embedder()
                    self._unload_asked = False
                    self._changed.notify_all()
                requests = self._queue.next_requests()
                delay = passes.delay(requests[0].priority if requests else None)
                if requests and delay <= 0:
                    self._queue.begun(requests[0].priority)
                    return requests
                if passes.done():
                    return []
                self._listening = delay <= 0 or passes.all_after(Priority.SEARCH)
                if passes:
                    self._changed.wait(None if math.isinf(delay) else max(0.0, delay) or None)
                else:
                    self._rest()
            return None

    def _rest(self) -> None:
        """Wait for a request; settle the scheduler soon if none arrives, and unload the model after a long time."""
        scheduler = self._scheduler
        if not scheduler.is_settled:
            if not self._changed.wait(_SETTLE_AFTER):
                scheduler.settle()
        elif not self._changed.wait((self.settings.unload_after or None) if self.loaded else None):
            self._unload_asked = True

    def _nothing(self) -> Embeddings:
        import numpy as np

        return Embeddings(np.empty((0, self.dimension), np.float32), [], [])


@lru_cache(maxsize=256)
def _digest(parts: tuple[str | int, ...]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
