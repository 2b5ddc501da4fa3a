"""The one running model of a process: a queue, a worker thread, an embedding cache."""

from openclaw_instructor.engine.cancellation import Scope
from openclaw_instructor.engine.engine import Engine
from openclaw_instructor.engine.queue import Embeddings, Priority
from openclaw_instructor.engine.scheduler import Embedder

__all__ = ["Embedder", "Embeddings", "Engine", "Priority", "Scope"]
