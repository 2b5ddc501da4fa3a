"""Run a task by the code of its kind."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from openclaw_instructor.registry import Task
from openclaw_instructor.registry.kinds import kind_of

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.engine.rerankers import Reranker
    from openclaw_instructor.index import Index
    from openclaw_instructor.registry import Registry
    from openclaw_instructor.tasks.classifier.corrections import Corrections


class Resources(Protocol):
    """The resources that a running task may use; each is opened on first use."""

    @property
    def engine(self) -> Engine:
        """The shared model."""

    @property
    def registry(self) -> Registry:
        """The tasks in force."""

    @property
    def corrections(self) -> Corrections:
        """What the owner taught the classifiers."""

    @property
    def index(self) -> Index:
        """The indexed documents."""

    @property
    def reranker(self) -> Reranker:
        """What reranks: a cross-encoder, or the checkpoint's own embeddings."""

    @property
    def reranking_checkpoint(self) -> str:
        """The checkpoint whose instructions the reranker takes; "" where it takes none."""

    def document_instruction(self, collection: str, checkpoint: str = "") -> str:
        """Return the rendered instruction of a collection's documents for this checkpoint, or the one in use."""


def run(task: Task, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Run `task` with checked arguments; returns a flat, JSON-able dict. Raises what its kind's code raises."""
    module, _, function = kind_of(task).runner.partition(":")
    result: dict[str, Any] = getattr(importlib.import_module(module), function)(task, arguments, resources)
    return result
