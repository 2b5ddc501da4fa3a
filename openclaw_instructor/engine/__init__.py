"""The one running model of a process: a queue, a worker thread, an embedding cache."""

from openclaw_instructor.engine.engine import Engine
from openclaw_instructor.engine.requests import Embeddings, Priority
from openclaw_instructor.engine.runner import Embedder
from openclaw_instructor.engine.scope import Scope

__all__ = ["Embedder", "Embeddings", "Engine", "Priority", "Scope"]
