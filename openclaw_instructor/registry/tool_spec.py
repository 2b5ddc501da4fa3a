"""Define tools as agent hosts see them, and the effect that every tool and every HTTP route declares.

The one `Effect` decides everything that depends on it: which calls a client may send twice, which scope a caller needs,
the annotations over MCP, and what OpenClaw asks its owner about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, get_args

from openclaw_instructor.registry.agent_view import shown

Effect: TypeAlias = Literal["read", "write", "destroy"]
"""`read` changes nothing, `write` adds or updates, `destroy` may remove what was there."""
EFFECTS: tuple[Effect, ...] = get_args(Effect)
"""From the weakest to the strongest."""


@dataclass(frozen=True)
class ToolSpec:
    """A task as an agent host sees it; `parameters` is a JSON Schema, `title` a name for people.

    `has_view`: its result can be shown as an MCP App.
    """

    name: str
    title: str
    description: str
    parameters: dict[str, Any]
    effect: Effect = "read"
    expert: tuple[str, ...] = ()
    """Arguments that are there for people, and that agents are not told of."""
    has_view: bool = False

    @property
    def annotations(self) -> dict[str, Any]:
        """The hints of the Model Context Protocol, and of hosts that took them over."""
        return {
            "title": self.title,
            "readOnlyHint": self.effect == "read",
            "destructiveHint": self.effect == "destroy",
            "idempotentHint": self.effect == "read",
            "openWorldHint": False,
        }

    def for_agents(self, collections: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the short schema for agents; `collections` are the names of those that exist, if they are known."""
        return shown(self.parameters, self.expert, collections)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object that HTTP lists; `read_only` is the effect as version 0.1 named it."""
        told = {name: value for name, value in asdict(self).items() if name not in ("expert", "has_view")}
        return told | {"read_only": self.effect == "read"}


def title_of(name: str) -> str:
    """Write a task's name for people: `search_docs` is "Search docs"."""
    return name.replace("_", " ").capitalize()
