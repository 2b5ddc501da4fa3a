"""A tool's arguments as agents see and send them: a short schema, and what models write instead of what it says.

A host puts every schema into every request, so the view leaves out what only people use, and bounds that the daemon
checks anyway. It accepts more than it shows: `taken` brings numbers written as text, a single text for a list, and
lists written as text into the form of the whole schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_UNSAID = frozenset(("minLength", "additionalProperties", "uniqueItems", "minItems", "minimum", "maximum"))
_MOST_NAMES, _WORD = 20, 14
COLLECTION = "collection"


def shown(
    parameters: Mapping[str, Any], expert: Sequence[str] = (), collections: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return the schema that agents see, without the arguments named `expert`.

    `collections` are the names of those that exist: they stand in the schema, where they are known and few.
    """
    properties = {}
    for name, rule in parameters["properties"].items():
        if name in expert:
            continue
        properties[name] = _collection(rule, collections) if name == COLLECTION else _short(rule)
    required = {"required": parameters["required"]} if "required" in parameters else {}
    return {"type": "object", "properties": properties, **required}


def taken(parameters: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as the whole schema wants them, where what the agent meant is plain."""
    rules = parameters["properties"]
    return {name: _meant(name, rules.get(name, {}), value) for name, value in arguments.items()}


def _short(rule: Mapping[str, Any]) -> dict[str, Any]:
    if rule.get("type") == "object":
        return {key: rule[key] for key in ("type", "description") if key in rule}
    # The values of an enumeration say what they are, and a word or two no more than the name.
    unsaid = _UNSAID | {"description"} if "enum" in rule or len(rule.get("description", "")) <= _WORD else _UNSAID
    kept = {key: value for key, value in rule.items() if key not in unsaid}
    if "enum" in rule:
        kept.pop("type", None)
    if "items" in rule:
        items = rule["items"]
        # Of several forms the first, which is the plain one.
        first = items["anyOf"][0] if "anyOf" in items else items
        kept["items"] = {"type": first["type"]}
    return kept


def _collection(rule: Mapping[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    items: dict[str, Any] = {"type": "string"}
    if names and len(names) <= _MOST_NAMES:
        items = {"enum": [*names, "*"]}
    default = str(rule.get("default", ""))
    return {"type": "array", "items": items, "default": [default]}


def _meant(name: str, rule: Mapping[str, Any], value: Any) -> Any:
    kind = rule.get("type")
    if name == COLLECTION and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value) or None
    if not isinstance(value, str) or kind in ("string", None):
        return value
    text = value.strip()
    if kind in ("integer", "number", "boolean") or text[:1] in ("[", "{"):
        try:
            read = json.loads(text)
        except ValueError:
            return value
        return read if _fits(kind, read) else value
    return [value] if kind == "array" and rule.get("items", {}).get("type", "string") == "string" else value


def _fits(kind: Any, value: Any) -> bool:
    if isinstance(value, bool) or kind == "boolean":
        return kind == "boolean" and isinstance(value, bool)
    types: dict[Any, type | tuple[type, ...]] = {"integer": (int, float), "number": (int, float), "array": list}
    return isinstance(value, types.get(kind, dict))
