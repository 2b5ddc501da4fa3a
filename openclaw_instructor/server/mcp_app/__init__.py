"""Show results as an MCP App: a small view, for hosts that say they render such; all others get what they always got.

Specification: https://modelcontextprotocol.io/specification/draft/extensions/apps
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidArguments

if TYPE_CHECKING:
    from openclaw_instructor.registry.tool_spec import ToolSpec

EXTENSION = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
URI = "ui://openclaw-instructor/result.html"
CORRECT = "correct_label"
"""The tool behind the view's buttons; only views are offered it, so no model sees it."""

_CORRECT_TOOL: dict[str, Any] = {
    "name": CORRECT,
    "title": "Correct a label",
    "description": "Remember the label that a person chose in the view of a classified message.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "task": {"type": "string", "description": "The classify task."},
            "label": {"type": "string", "description": "The label that is right, by its exact name."},
            "message": {"type": "object", "description": "The arguments that were classified."},
        },
        "required": ["task", "label", "message"],
    },
    "annotations": {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False},
    "_meta": {"ui": {"resourceUri": URI, "visibility": ["app"]}},
}


def is_supported(capabilities: Any) -> bool:
    """Whether a client's capabilities, as JSON, say that it renders views."""
    extensions = capabilities.get("extensions") if isinstance(capabilities, Mapping) else None
    settings = extensions.get(EXTENSION) if isinstance(extensions, Mapping) else None
    types = settings.get("mimeTypes") if isinstance(settings, Mapping) else None
    return isinstance(types, list | tuple) and MIME_TYPE in types


def with_views(tools: Sequence[dict[str, Any]], specs: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Return the `tools` of a tools/list result with the view of those that have one, and the view's own tool."""
    viewed = [
        tool | {"_meta": {"ui": {"resourceUri": URI}}} if spec.has_view else tool
        for tool, spec in zip(tools, specs, strict=True)
    ]
    return viewed if any(spec.name == CORRECT for spec in specs) else [*viewed, _CORRECT_TOOL]


def correction(arguments: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return task, label and message of a call of the view's tool. Raises InvalidArguments."""
    task, label, message = (arguments.get(name) for name in ("task", "label", "message"))
    if not isinstance(task, str) or not isinstance(label, str) or not isinstance(message, Mapping):
        raise InvalidArguments(f"`{CORRECT}` takes `task` and `label` as texts and `message` as an object")
    return task, label, dict(message)


def resources() -> list[dict[str, Any]]:
    """Return the `resources` of a resources/list result."""
    return [{"uri": URI, "name": "result", "title": "Result of a tool", "mimeType": MIME_TYPE}]


def contents(uri: str) -> list[dict[str, Any]] | None:
    """Return the `contents` of a resources/read result; None for an unknown one. The view asks nobody but its host."""
    if uri != URI:
        return None
    return [{"uri": URI, "mimeType": MIME_TYPE, "text": _view(), "_meta": {"ui": {"prefersBorder": True}}}]


@cache
def _view() -> str:
    return (Path(__file__).parent / "result.html").read_text(encoding="utf-8")
