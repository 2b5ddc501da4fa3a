"""Load the tasks of `instructions.yaml`: the packaged file, the user's overlay of it, and edits while running.

A task entered there becomes an agent tool of the same name. See `docs/tasks.md` for every key.
"""

from openclaw_instructor.registry.registry import Registry, check
from openclaw_instructor.registry.source import Problem
from openclaw_instructor.registry.task import Task

__all__ = ["Problem", "Registry", "Task", "check"]
