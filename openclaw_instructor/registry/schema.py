"""Build parts of a JSON Schema of arguments, in the form that every agent host accepts.

Flat objects with no `oneOf` at the root: agent hosts reject other shapes. Sizes stay out of the schemas: llama.cpp
turns `maxLength` and `maxItems` into grammar repetitions and from 2,000 on refuses the whole tool list
(https://github.com/ggml-org/llama.cpp/issues/25746). A task's `limits` hold them, and the descriptions say them.
"""

from __future__ import annotations

from typing import Any

MAX_TOP_K = 100
# Of a list of texts, and of one of them.
MOST_TEXTS, LONGEST_TEXT = 20_000, 20_000


def object_(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object with these properties and no others."""
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def text(description: str, *, blank: bool = False) -> dict[str, Any]:
    """Describe a string; only a `blank` one may be empty."""
    return {"type": "string", "description": description} | ({} if blank else {"minLength": 1})


def texts(description: str) -> dict[str, Any]:
    """Describe a list of texts, each a string or an object of `id` and `text`; tasks leave empty ones out."""
    name = {"anyOf": [{"type": "string"}, {"type": "integer"}], "description": "Comes back in the result."}
    written = {
        "type": "object",
        "properties": {"id": name, "text": {"type": "string"}},
        "required": ["text"],
    }
    items = {"anyOf": [{"type": "string"}, written]}
    return {"type": "array", "items": items, "minItems": 1, "description": description}


def moment(description: str) -> dict[str, Any]:
    """Describe a date or a time, in one of the forms that filters read."""
    return {"type": "string", "minLength": 1, "description": description}


def fields(description: str, *names: str) -> dict[str, Any]:
    """Describe a mapping of names to texts; some hosts refuse an object that names no property."""
    properties = {name: {"type": "string"} for name in names}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": {"type": "string"},
        "description": description,
    }


def count(description: str, least: int, most: int, default: int) -> dict[str, Any]:
    """Describe a whole number."""
    return {"type": "integer", "minimum": least, "maximum": most, "default": default, "description": description}


def top_k(description: str, default: int) -> dict[str, Any]:
    """Describe a number of results from 1 to MAX_TOP_K."""
    return count(f"{description}, 1 to {MAX_TOP_K}.", 1, MAX_TOP_K, default)
