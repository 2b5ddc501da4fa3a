"""Run the one model of a process, with a queue, a worker thread and an embedding cache."""

from openclaw_instructor.engine.cancellation import CancelScope
from openclaw_instructor.engine.embedders.protocol import Embedder, Role, role_of
from openclaw_instructor.engine.engine import Engine
from openclaw_instructor.engine.queue import Embeddings, Priority

__all__ = ["CancelScope", "Embedder", "Embeddings", "Engine", "Priority", "Role", "role_of"]
