"""`tools.json`: what the plugin tells the model of each task, read anew every turn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_instructor import __version__, distribution
from openclaw_instructor.registry import Task
from openclaw_instructor.untrusted import NOTICE


def tool_specs(
    tasks: Mapping[str, Task], command: Sequence[str], collections: Sequence[str] | None = None
) -> dict[str, Any]:
    """Describe every task; `command` is the command line that starts this package, if it is known.

    `line` is how the generic tool lists a task that the loaded manifest does not declare yet. `memory` names the tasks
    that answer for the indexed documents in OpenClaw's own memory tools; `notice` is said with every result.
    """
    tools = {
        spec.name: {
            "label": spec.title,
            "description": spec.description,
            "parameters": spec.for_agents(collections),
            "effect": spec.effect,
            "line": f"{spec.name} {_signature(spec.parameters)}: {_first_sentence(spec.description)}",
        }
        for spec in (task.tool_spec() for task in tasks.values())
    }
    launch = {"command": list(command)} if command else {}
    first = {
        kind: next((task.name for task in tasks.values() if task.kind == kind), None) for kind in ("search", "read")
    }
    return {
        "version": __version__,
        "install": distribution.uv_line(),
        **launch,
        "notice": NOTICE,
        "memory": first,
        "tools": tools,
    }


def _signature(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    return "{" + ", ".join(name if name in required else f"{name}?" for name in schema["properties"]) + "}"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.;])\s", " ".join(text.split()), maxsplit=1)[0].rstrip(".;")
