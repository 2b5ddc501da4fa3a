"""Agent tools for OpenClaw on one instruction-steered embedding model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.daemon.client import Client
    from openclaw_instructor.model.instructor import INSTRUCTOR
    from openclaw_instructor.registry import Registry, Task
    from openclaw_instructor.service import Toolbox

__all__ = ["INSTRUCTOR", "Client", "Registry", "Task", "Toolbox", "__version__"]
__version__ = "0.2.0"

_HOMES = {
    "Client": "openclaw_instructor.daemon.client",
    "INSTRUCTOR": "openclaw_instructor.model.instructor",
    "Registry": "openclaw_instructor.registry",
    "Task": "openclaw_instructor.registry",
    "Toolbox": "openclaw_instructor.service",
}


def __getattr__(name: str) -> Any:
    # Imported late, so that `import openclaw_instructor` and the command line stay free of torch.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
