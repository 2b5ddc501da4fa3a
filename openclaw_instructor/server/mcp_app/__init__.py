"""Show results as an MCP App: a small view, for hosts that say they render such; all others get what they always got.

Specification: https://modelcontextprotocol.io/specification/draft/extensions/apps
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.registry.tool_spec import ToolSpec

EXTENSION = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
URI = "ui://openclaw-instructor/result.html"


def is_supported(capabilities: Any) -> bool:
    """Whether a client's capabilities, as JSON, say that it renders views."""
    extensions = capabilities.get("extensions") if isinstance(capabilities, Mapping) else None
    settings = extensions.get(EXTENSION) if isinstance(extensions, Mapping) else None
    types = settings.get("mimeTypes") if isinstance(settings, Mapping) else None
    return isinstance(types, list | tuple) and MIME_TYPE in types


def with_views(tools: Sequence[dict[str, Any]], specs: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Return the `tools` of a tools/list result with the view of those that have one."""
    return [
        tool | {"_meta": {"ui": {"resourceUri": URI}}} if spec.has_view else tool
        for tool, spec in zip(tools, specs, strict=True)
    ]


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
