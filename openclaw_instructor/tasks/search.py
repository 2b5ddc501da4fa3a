"""Kind `search`: find passages of the indexed documents that answer a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.index import Index, SearchResult
    from openclaw_instructor.registry.kinds.search import SearchTask
    from openclaw_instructor.tasks.runners import Resources


def run(task: SearchTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Search the collections that are asked for, else the task's own.

    The result is flat: `hits` first by rank, each with file, location, heading, score and snippet, then `count`,
    `collections_searched`, `stale`, `truncated_query` and `notes`. Raises what Index.search raises.
    """
    result: SearchResult = resources.index.search(arguments["query"], **_options(task, arguments, resources))
    return result.as_dict()


def inspect(task: SearchTask, arguments: Mapping[str, Any], resources: Resources, expect: str) -> dict[str, Any]:
    """Search as `run` does, and say at which stage the file `expect` was lost.

    The result has `expect`, `found`, `stage`, `reason`, `file`, what is known of its best passage, and the whole
    `result`. Raises what Index.inspect raises.
    """
    options = _options(task, arguments, resources)
    return resources.index.inspect(arguments["query"], expect, **options)


def _options(task: SearchTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Build the options of Index.search."""
    mode = arguments.get("mode", task.mode)
    return {
        "collection": arguments.get("collection") or task.collection,
        "query_instruction": _instruction(task, mode, resources.index),
        "steering": resources.document_instruction,
        "top_k": arguments.get("top_k", task.top_k),
        "path": arguments.get("path"),
        "after": arguments.get("after"),
        "before": arguments.get("before"),
        "where": arguments.get("where"),
        "types": arguments.get("type"),
        "mode": mode,
        "diversity": arguments.get("diversity", 0.0),
        "explain": arguments.get("explain", False),
    }


def _instruction(task: SearchTask, mode: str, index: Index) -> str:
    """Return the instruction for this checkpoint.

    Words alone need no model, and so no checkpoint to name the variant.
    """
    from openclaw_instructor.index.staleness import NO_MODEL

    if mode == "keyword":
        return ""
    try:
        return task.instruction("query", index.engine.checkpoint_name)
    except NO_MODEL:
        # Without the checkpoint the index searches by words.
        return ""
