"""A word-hash model whose passes a test can hold, so that work waits in the engine's queue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from openclaw_instructor.engine import Engine
from openclaw_instructor.settings import Settings
from openclaw_instructor.testing import WordEmbedder, WordPrompt

LIMIT = 32


class HeldEmbedder(WordEmbedder):
    """`gate` holds every pass until it is set, `entered` counts those that began, `batches` keeps their prompts."""

    def __init__(self, passes: int = 1) -> None:
        super().__init__(dimension=8, limit=LIMIT, passes=passes)
        self.batches: list[list[WordPrompt]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.failure: Exception | None = None
        self.before_load: Callable[[], None] = lambda: None

    def load(self) -> HeldEmbedder:
        self.before_load()
        return self

    def embed(self, prompts: Sequence[WordPrompt], batch_tokens: int) -> Any:
        self.batches.append(list(prompts))
        self.entered.release()
        self.gate.wait(30)
        if self.failure:
            raise self.failure
        return super().embed(prompts, batch_tokens)


def engine_with(model: HeldEmbedder, home: Path, *, passes: int = 1, **settings: Any) -> Engine:
    model.passes = passes
    return Engine(Settings(home=home, **settings), open_embedder=lambda _: model)


def busy_worker(engine: Engine, model: HeldEmbedder) -> Future[object]:
    """Hold the worker inside a pass, so that what follows has to wait in the queue."""
    model.gate.clear()
    first = engine.submit(["the pass in flight"])
    assert model.entered.acquire(timeout=60)
    return first  # type: ignore[return-value]
