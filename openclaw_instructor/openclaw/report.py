"""What an install or a sync did, and the resulting state in OpenClaw."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from openclaw_instructor.openclaw import manifest
from openclaw_instructor.openclaw.folder import plugin_folder
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings

LIVE = "agents have these tools from their next turn"


@dataclass
class SyncReport:
    """What was done, and the state it left.

    `state`: live (agents have the tools from their next turn), current (they had them already), saved (no Gateway could
    be asked; the next start loads them), pending (the Gateway stayed busy), disabled, absent or copied (nothing was
    done), failed.
    """

    state: str
    message: str
    folder: str
    tools: list[str]
    written: list[str] = field(default_factory=list)
    attempts: int = 0
    """How often the Gateway was asked to load it."""
    seconds: float = 0.0

    @classmethod
    def of(cls, settings: Settings, registry: Registry, state: str, message: str) -> SyncReport:
        """Report a state of the plugin that this home's registry gives."""
        return cls(state, message, str(plugin_folder(settings)), manifest.tool_names(registry.tasks))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return asdict(self)
