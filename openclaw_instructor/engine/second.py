"""One more model beside the shared one, to compare checkpoints: loaded on demand, and soon freed again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from openclaw_instructor.engine.embedders import open_embedder
from openclaw_instructor.engine.embedders.protocol import Embedder
from openclaw_instructor.engine.engine import Engine
from openclaw_instructor.settings import Settings

UNLOAD_AFTER = 120.0


class SecondEngine:
    """Gives an engine of another checkpoint; asked for a third one, it closes the second. Safe between threads."""

    def __init__(self, settings: Settings, open_embedder: Callable[[Settings], Embedder] = open_embedder) -> None:
        self._settings = settings
        self._open_embedder = open_embedder
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def of(self, checkpoint: str) -> Engine:
        """Return the engine of this checkpoint; its model is freed after two idle minutes."""
        with self._lock:
            if self._engine is not None and self._engine.settings.checkpoint == checkpoint:
                return self._engine
            before, self._engine = self._engine, self._made(checkpoint)
        if before is not None:
            before.close()
        return self._engine

    def close(self) -> None:
        """Free it."""
        with self._lock:
            before, self._engine = self._engine, None
        if before is not None:
            before.close()

    def _made(self, checkpoint: str) -> Engine:
        # What the settings say of instructions and dimensions is about their own checkpoint.
        own = dict.fromkeys(("revision", "instruction_form", "prompts", "dimensions"))
        if checkpoint == self._settings.checkpoint:
            own = {}
        change = {**own, "checkpoint": checkpoint, "offline": True, "unload_after": UNLOAD_AFTER}
        return Engine(self._settings.model_copy(update=change), open_embedder=self._open_embedder)
