"""The result of a tool, which a notebook shows as tables."""

from __future__ import annotations

from typing import Any

# Of these lists a person reads these columns; of others all that are no objects.
_COLUMNS = {
    "hits": ("rank", "score", "file", "location", "heading", "snippet"),
    "matches": ("rank", "score", "text"),
    "runners_up": ("label", "score"),
    "documents": ("file", "title", "passages", "modified"),
    "collections": ("name", "documents", "passages", "synced_at"),
    "clusters": ("cluster", "size", "name", "medoid", "cohesion"),
}


class ToolResult(dict[str, Any]):
    """A flat, JSON-able dict; `_repr_html_` is how notebooks show it."""

    def _repr_html_(self) -> str:
        from openclaw_instructor.reports import notebook

        return notebook.result(str(self.get("task", "Result")), {**self}, _COLUMNS)
