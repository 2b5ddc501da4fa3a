"""Rerank with a cross-encoder of sentence-transformers, which reads query and document together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openclaw_instructor import distribution
from openclaw_instructor.engine.rerankers.protocol import Reranked
from openclaw_instructor.errors import CheckpointUnavailable, MissingExtra
from openclaw_instructor.model.device import choose_device

if TYPE_CHECKING:
    from openclaw_instructor.settings import Settings


class CrossEncoderReranker:
    """The model of this name, loaded on first use. Code of a checkpoint is never run, and it takes no instructions."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._model: Any = None
        self._lock = threading.Lock()

    def rerank(
        self, query: str, documents: Sequence[str], query_instruction: str, document_instruction: str
    ) -> Reranked:
        """Score each document together with the query. Raises MissingExtra and CheckpointUnavailable."""
        with self._lock:
            if self._model is None:
                self._model = self._loaded()
            pairs = [(query, text) for text in documents]
            scores = self._model.predict(pairs, show_progress_bar=False)
            counts = self._model.tokenizer([query] * len(documents), list(documents), truncation=False, verbose=False)[
                "input_ids"
            ]
            limit = int(self._model.max_length or 512)
        truncated = [index for index, ids in enumerate(counts) if len(ids) > limit]
        return Reranked(self._name, [float(score) for score in scores], truncated)

    def _loaded(self) -> Any:
        try:
            from sentence_transformers import CrossEncoder
        except ImportError:
            raise MissingExtra(f"reranker {self._name}: {distribution.pip_line('sentence-transformers')}") from None
        try:
            return CrossEncoder(
                self._name,
                device=str(choose_device(self._settings.device)),
                local_files_only=self._settings.offline,
                trust_remote_code=False,
                num_labels=1,
            )
        except Exception as error:  # the library and its dependencies raise various exceptions
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise CheckpointUnavailable(
                f"reranker {self._name}: sentence-transformers cannot load it ({reason}); check the name"
            ) from None
