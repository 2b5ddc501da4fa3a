"""Stand-ins for the engine's public seams: a tokenizer of words, and a model that records what it was given."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from openclaw_instructor.engine import Engine
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.settings import Settings

DIMENSION, LIMIT = 8, 32


class WordPrompter:
    """One id per word; ids depend on the word alone."""

    def render(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        prompts = []
        for text in texts:
            words = (instruction + text.strip()).split()
            ids = [int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") for word in words] + [1]
            prompts.append(Prompt(ids[:LIMIT], 0, len(ids) > LIMIT))
        return prompts


class WordModel:
    """Vectors drawn from the ids. `gate` holds every pass until it is set; `passes` records their prompts."""

    def __init__(self) -> None:
        self.passes: list[list[list[int]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.failure: Exception | None = None

    def embed(self, prompts: Sequence[Prompt], batch_tokens: int) -> Any:
        self.passes.append([prompt.ids for prompt in prompts])
        self.entered.release()
        self.gate.wait(30)
        if self.failure:
            raise self.failure
        rows = [np.random.default_rng(prompt.ids).normal(size=DIMENSION) for prompt in prompts]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


class WordEmbedder(WordPrompter):
    """Loads `model`, or what `load` returns."""

    name, identity, dimension, max_seq_length = "words", "words-1", DIMENSION, LIMIT

    def __init__(self, load: Callable[[], WordModel], passes: int = 1) -> None:
        self.load, self.passes = load, passes

    least_dimension = DIMENSION

    def before(self, instruction: str, role: str) -> str:
        return instruction

    def close(self) -> None:
        pass

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def room(self, instruction: str) -> int:
        return LIMIT - 1 - len(instruction.split())


def engine_loading(load: Callable[[], WordModel], settings: Settings, passes: int = 1) -> Engine:
    return Engine(settings, open_embedder=lambda _: WordEmbedder(load, passes))


def engine_with(model: WordModel, home: Path, *, passes: int = 1, **settings: Any) -> Engine:
    return engine_loading(lambda: model, Settings(home=home, **settings), passes)


def busy_worker(engine: Engine, model: WordModel) -> Future[object]:
    """Hold the worker inside a pass, so that what follows has to wait in the queue."""
    model.gate.clear()
    first = engine.submit(["the pass that is under way"])
    assert model.entered.acquire(timeout=60)
    return first  # type: ignore[return-value]
