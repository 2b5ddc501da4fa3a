"""Present the registry's tasks as MCP tools and their results as MCP content, for both transports.

A tool answers with one text block that holds one JSON object. No `outputSchema` and no `structuredContent`: hosts
repeat the latter to the model beside the text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openclaw_instructor.daemon.wire_errors import unexpected
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.text import clean
from openclaw_instructor.untrusted import NOTICE, defused, marked, sentence

if TYPE_CHECKING:
    from openclaw_instructor.registry.tool_spec import ToolSpec

SERVER_NAME = "openclaw-instructor"
MAX_CHARACTERS = 12_000
# Of a hit as a model reads it, and least of that for its snippet: five of them are some 850 tokens.
_HIT_CHARACTERS, _SHORTEST_SNIPPET = 550, 200
_SHORTEST = 80  # least characters of an abbreviated text


def listing(specs: Sequence[ToolSpec], collections: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the `tools` of a tools/list result; `collections` are the names of those that exist."""
    return [
        {
            "name": spec.name,
            "title": spec.title,
            "description": spec.description,
            "inputSchema": spec.for_agents(collections),
            "annotations": spec.annotations,
        }
        for spec in specs
    ]


def guidance(specs: Sequence[ToolSpec]) -> str:
    """Write the `instructions` of the server: what its tools may change, and whose words their results quote."""
    changing = [spec.name for spec in specs if spec.effect != "read"]
    if not changing:
        return f"Local tools that read and never change anything. {NOTICE}"
    return f"Local tools. These change something: {', '.join(changing)}; the others only read. {NOTICE}"


def success(result: dict[str, Any]) -> dict[str, Any]:
    """Return a tools/call result; at most MAX_CHARACTERS of JSON."""
    return {"content": [{"type": "text", "text": fit(for_agents(marked(result)))}], "isError": False}


def failure(error: Exception) -> dict[str, Any]:
    """Return a tools/call result that tells the model in one sentence what to change."""
    known = error if isinstance(error, InstructorError) else unexpected(error)
    return {"content": [{"type": "text", "text": sentence(known.message)}], "isError": True}


def for_agents(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result as a model reads it: its hits without what it does not need, each within a fair share of room.

    A snippet points to a passage, which an agent reads in full before it relies on it. Not even a path keeps what
    imitates a host's markers or chat template.
    """
    hits = result.get("hits")
    if isinstance(hits, list) and all(isinstance(hit, dict) for hit in hits):
        one = len(result.get("collections_searched", ())) == 1
        result = result | {"hits": [_hit(hit, one) for hit in hits]}
        unsaid = {"query", "count", *(["collections_searched"] if one else [])}
        unsaid |= set() if result.get("truncated_query") else {"truncated_query"}
        result = {name: value for name, value in result.items() if name not in unsaid}
    safe: dict[str, Any] = defused(result)
    return safe


def _hit(hit: dict[str, Any], of_one_collection: bool) -> dict[str, Any]:
    unsaid = {"rank", *(["collection"] if of_one_collection else [])}
    if hit.get("title") in (hit.get("heading"), ""):
        unsaid.add("title")
    kept = {name: value for name, value in hit.items() if name not in unsaid}
    if isinstance(modified := kept.get("modified"), str):
        kept["modified"] = modified[:10]
    if isinstance(snippet := kept.get("snippet"), str):
        room = max(_SHORTEST_SNIPPET, _HIT_CHARACTERS - len(_json(kept | {"snippet": ""})))
        kept["snippet"] = snippet if len(snippet) <= room else _at_a_word(snippet[: room - 1]) + "…"
    return kept


def _at_a_word(text: str) -> str:
    return text[: text.rfind(" ")] if " " in text[-40:] else text


def fit(result: dict[str, Any], limit: int = MAX_CHARACTERS) -> str:
    """Return the result as JSON within `limit` characters.

    The end of its longest list goes first, then long texts shrink. What was left out is said in `left_out`, with the
    way to get it.
    """
    text = _json(result)
    if len(text) <= limit:
        return text
    lists = {name: list(value) for name, value in result.items() if isinstance(value, list) and value}
    name = max(lists, key=lambda key: len(_json(lists[key])), default=None)
    if name is None:
        return _json(_shorten(result, limit))
    items, total = lists[name], len(lists[name])
    while len(items) > 1:
        items.pop()
        note = f"{total - len(items)} of {total} {name} left out for length; ask for fewer or for something narrower"
        text = _json(result | {name: items, "left_out": note})
        if len(text) <= limit:
            return text
    note = f"all but the first of {total} {name} left out and long texts cut; ask for something narrower"
    return _json(_shorten(result | {name: items, "left_out": note}, limit))


def _shorten(value: dict[str, Any], limit: int) -> dict[str, Any]:
    longest = limit // 2
    shortened: dict[str, Any] = {"left_out": "long texts are cut; ask for something narrower"} | value
    while longest >= _SHORTEST:
        shortened = _cut(shortened, longest)
        if len(_json(shortened)) <= limit:
            return shortened
        longest //= 2
    # Only a great many small values remain, which no task returns.
    return {"left_out": f"the result is longer than {limit} characters; ask for something narrower"}


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= longest else value[: longest - 1] + "…"
    if isinstance(value, list):
        return [_cut(item, longest) for item in value]
    if isinstance(value, dict):
        return {key: _cut(item, longest) for key, item in value.items()}
    return value


def _json(value: Any) -> str:
    return clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
