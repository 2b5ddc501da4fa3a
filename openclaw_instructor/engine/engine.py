"""The shared model behind a queue: loaded on first use, run by one worker thread, unloaded when idle."""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import cached_property
from typing import TYPE_CHECKING, Any

from openclaw_instructor.engine.cache import EmbeddingCache
from openclaw_instructor.engine.cancellation import register
from openclaw_instructor.engine.queue import Embeddings, Priority, Request, RequestQueue
from openclaw_instructor.engine.scheduler import Embedder, Runner
from openclaw_instructor.errors import Busy, ModelLoading, ServiceError
from openclaw_instructor.model.prompt import JOIN_RULE, Prompter
from openclaw_instructor.settings import Settings
from openclaw_instructor.text import clean

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint
    from openclaw_instructor.model.prompt import Prompt

_TIDY_AFTER = 1.0  # seconds without work after which memory is given back


class Engine:
    """Embeds texts for every thread of the process. Making one is cheap and loads nothing.

    `load(settings)` makes the model on first use and may be any `Embedder`. `checkpoint` and `prompter` default to
    those of `settings.checkpoint`; give stand-ins of them with a `load` of your own to run without a checkpoint, and
    `at_once`, how many passes of that model may run at a time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[Settings], Embedder] | None = None,
        checkpoint: Checkpoint | None = None,
        prompter: Prompter | None = None,
        at_once: int = 1,
    ) -> None:
        self.settings = settings
        self._load = load or self._load_instructor
        self._given_checkpoint = checkpoint
        self._given_prompter = prompter
        self._queue = RequestQueue(settings.queue_texts)
        self._changed = threading.Condition()
        self._runner = Runner(
            lambda: self._load(settings), self._render, self.identity, settings.batch_tokens, self._wake
        )
        self._runner.passes.at_once = at_once
        self._worker: threading.Thread | None = None
        self._requests = 0
        self._refused = 0
        self._closed = False
        self._unload_asked = False
        self._listening = True

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint of the settings, without its weights. Raises InvalidCheckpoint, CheckpointUnavailable."""
        from openclaw_instructor.model.checkpoint import Checkpoint

        return self._given_checkpoint or Checkpoint.open(
            self.settings.checkpoint, revision=self.settings.revision, offline=self.settings.offline
        )

    @cached_property
    def prompter(self) -> Prompter:
        """The checkpoint's tokenizer and the rule that joins instruction and text."""
        return self._given_prompter or Prompter(self.checkpoint)

    @property
    def opened(self) -> bool:
        """Whether `checkpoint` is at hand and needs no looking up."""
        return "checkpoint" in self.__dict__

    @property
    def checkpoint_name(self) -> str:
        return self.checkpoint.name

    @property
    def dimension(self) -> int:
        return self.checkpoint.dimension

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory now."""
        return self._runner.loaded

    @property
    def loading(self) -> bool:
        """Whether the weights are being loaded right now."""
        return self._runner.loading_since is not None

    @property
    def load_count(self) -> int:
        return self._runner.counters.loads

    def identity(self, instruction: str, extra: str = "") -> str:
        """Digest of everything that makes two vectors comparable: checkpoint, instruction as rendered, join rule,
        length limit, dimension, `extra` of the caller's, and int8 by request, which no samples vouch for."""
        checkpoint = self.checkpoint
        parts = [checkpoint.identity, instruction, JOIN_RULE, checkpoint.max_seq_length, checkpoint.dimension, extra]
        parts += ["int8"] if self.settings.dtype == "int8" else []
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def submit(
        self,
        texts: Sequence[str],
        instruction: str = "",
        *,
        priority: Priority = Priority.INTERACTIVE,
        on_progress: Callable[[int, int], Any] | None = None,
    ) -> Future[Embeddings]:
        """Queue texts; the future's work is dropped when it is cancelled.

        `on_progress(done, total)` counts texts and runs in the worker thread. Raises Busy when the queue is full; the
        future raises what loading and running the model raise.
        """
        request = Request([clean(text) for text in texts], instruction, priority, on_progress)
        if not request.texts:
            request.future.set_result(self._nothing())
            return request.future
        with self._changed:
            if self._closed:
                raise ServiceError("the engine is closed; make a new one")
            if priority is Priority.INTERACTIVE:
                self._runner.pace.interactive()
            self._enqueue(request)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="engine", daemon=True)
                self._worker.start()
            # Waking the worker for every request that only joins the queue would cost more than the request.
            if self._listening:
                self._changed.notify_all()
        register(request.future)
        return request.future

    def embed(
        self,
        texts: Sequence[str],
        instruction: str = "",
        *,
        priority: Priority = Priority.INTERACTIVE,
        on_progress: Callable[[int, int], Any] | None = None,
        timeout: float | None = None,
    ) -> Embeddings:
        """Embed texts and wait for them.

        Interactive callers wait at most `settings.load_wait` seconds for a model that is still loading, and everybody
        at most `timeout` seconds. Raises ModelLoading or Busy (both with `retry_after`), and what `submit` raises.
        """
        future = self.submit(texts, instruction, priority=priority, on_progress=on_progress)
        started = time.monotonic()
        patience = self.settings.load_wait if priority is Priority.INTERACTIVE else None
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
        """The answer for a caller that cannot wait for the model any longer."""
        retry_after = float(min(60, max(1, round(self._runner.load_left()))))
        name = self.settings.checkpoint
        return ModelLoading(f"the model `{name}` is still loading, retry in {retry_after:g} s", retry_after)

    def stats(self) -> dict[str, Any]:
        """Counters since the start and the state now; never a text."""
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
            **self._runner.stats(),
        }

    def unload(self) -> None:
        """Free the weights as soon as the pass under way is over; the next request loads them again."""
        with self._changed:
            if self._worker is not None and self._worker.is_alive():
                self._unload_asked = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._unload_asked or self._closed)

    def close(self) -> None:
        """Fail what waits, stop the worker, free the model. Blocks for the pass under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._worker is not None and self._worker is not threading.current_thread():
            self._worker.join()

    def _enqueue(self, request: Request) -> None:
        counters = self._runner.counters
        seconds_per_text = counters.seconds / counters.texts if counters.texts else 0.05
        try:
            self._queue.put(request, seconds_per_text)
        except Busy:
            self._refused += 1
            raise
        self._requests += 1

    def _work(self) -> None:
        runner = self._runner
        if self.settings.cache_mb:
            runner.cache = EmbeddingCache(self.settings.home / "cache.db", self.settings.cache_mb << 20)
        while (requests := self._next()) is not None:
            self._forget(runner.serve(requests))
        self._forget(runner.finish())
        for request in self._queue.clear():
            request.fail(ServiceError("the engine was closed before it got to this"))
        runner.close()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _forget(self, ended: Sequence[Request]) -> None:
        with self._changed:
            self._queue.remove(ended)

    def _next(self) -> list[Request] | None:
        """Wait for requests that a pass may begin for, or, with none, for one to end; None once the engine is closed.
        The model is unloaded here when nothing comes."""
        passes = self._runner.passes
        with self._changed:
            while not self._closed:
                if self._unload_asked and not passes:
                    self._runner.unload()
                    # Its folder may hold another checkpoint by the time that it is loaded again.
                    self.__dict__.pop("checkpoint", None)
                    self.__dict__.pop("prompter", None)
                    self._unload_asked = False
                    self._changed.notify_all()
                requests = self._queue.next_requests()
                delay = passes.delay(requests[0].priority if requests else None)
                if requests and delay <= 0:
                    return requests
                if passes.done():
                    return []
                self._listening = delay <= 0 or passes.yields
                if passes:
                    self._changed.wait(None if math.isinf(delay) else max(0.0, delay) or None)
                else:
                    self._rest()
            return None

    def _rest(self) -> None:
        """Wait for a request; give memory back soon when none comes, and the model after a long time."""
        runner = self._runner
        if runner.untidy:
            if not self._changed.wait(_TIDY_AFTER):
                runner.tidy()
        elif not self._changed.wait((self.settings.unload_after or None) if self.loaded else None):
            self._unload_asked = True

    def _render(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        return self.prompter.render(instruction, texts)

    def _load_instructor(self, settings: Settings) -> Embedder:
        from openclaw_instructor.engine.loading import load_instructor

        model, self._runner.passes.at_once = load_instructor(self.checkpoint, settings)
        return model

    def _nothing(self) -> Embeddings:
        import numpy as np

        return Embeddings(np.empty((0, self.dimension), np.float32), [], [])
