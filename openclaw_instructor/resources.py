"""Open what one home folder offers to its tasks: model, index, corrections, reranker; each at its first use."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.engine.rerankers import Reranker
    from openclaw_instructor.engine.second import SecondEngine
    from openclaw_instructor.index import Index
    from openclaw_instructor.tasks.classifier.corrections import Corrections


class HomeResources:
    """The resources of one home folder, in this process. Thread-safe; `close` ends those that were opened."""

    def __init__(
        self, home: str | Path | None = None, *, settings: Settings | None = None, engine: Engine | None = None
    ) -> None:
        self.settings = settings or Settings.load(home)
        self.registry = Registry.load(self.settings)
        self._engine = engine
        self._owns_engine = engine is None
        self._index: Index | None = None
        self._reranker: Reranker | None = None
        self._corrections: Corrections | None = None
        self._second: SecondEngine | None = None
        self._lock = threading.RLock()

    @property
    def engine(self) -> Engine:
        """The embedding engine, made at its first use."""
        with self._lock:
            if self._engine is None:
                from openclaw_instructor.engine import Engine

                self._engine = Engine(self.settings)
            return self._engine

    @property
    def index(self) -> Index:
        """The document index, opened at its first use."""
        with self._lock:
            if self._index is None:
                from openclaw_instructor.index import Index

                self._index = Index(self.settings, self.engine)
            return self._index

    @property
    def corrections(self) -> Corrections:
        """The owner's corrections of the classifiers."""
        with self._lock:
            if self._corrections is None:
                from openclaw_instructor.tasks.classifier.corrections import Corrections

                self._corrections = Corrections(self.settings.home / "corrections.db")
            return self._corrections

    @property
    def second_engine(self) -> SecondEngine:
        """The engine of another checkpoint, to compare it with the one in use."""
        with self._lock:
            if self._second is None:
                from openclaw_instructor.engine.second import SecondEngine

                self._second = SecondEngine(self.settings)
            return self._second

    @property
    def reranker(self) -> Reranker:
        """What reranks: the cross-encoder of the settings, else the checkpoint's own embeddings."""
        with self._lock:
            if self._reranker is None:
                from openclaw_instructor.engine.rerankers import reranker

                self._reranker = reranker(self.settings, self.engine)
            return self._reranker

    @property
    def reranking_checkpoint(self) -> str:
        """The checkpoint whose instructions a reranker takes; "" for a cross-encoder, which takes none."""
        return "" if self.settings.reranker else self.engine.checkpoint_name

    def document_instruction(self, collection: str, checkpoint: str = "") -> str:
        """Return the rendered instruction of a collection's documents, for a checkpoint or the one in use.

        It is that of the task that searches the collection, else that of the first search task, else `passage` of the
        registry's embeddings.
        """
        searches = [task for task in self.registry.tasks.values() if task.searches is not None]
        chosen = next((task for task in searches if task.searches == collection), searches[0] if searches else None)
        name = checkpoint or self.engine.checkpoint_name
        if chosen is not None:
            return chosen.instruction("document", name)
        return self.registry.embedding_instruction("passage", name)

    def close(self) -> None:
        """Close the index, and the engine unless it was given. A closed Toolbox is not used again."""
        with self._lock:
            if self._index is not None:
                self._index.close()
            if self._second is not None:
                self._second.close()
            if self._engine is not None and self._owns_engine:
                self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
