"""Kind `search`: passages of the indexed documents that answer a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.index import Index
    from openclaw_instructor.registry import SearchTask


def run(task: SearchTask, arguments: Mapping[str, Any], index: Index) -> dict[str, Any]:
    """Search the collection that is asked for, else the task's own.

    The result is flat: `hits` first by rank, each with file, lines, heading, score and snippet, then `count`,
    `collections_searched`, `stale`, `truncated_query` and `notes`. Raises what Index.search raises.
    """
    mode = arguments.get("mode", task.mode)
    # Words alone need no model, and so no checkpoint to name the instruction's variant.
    instruction = "" if mode == "keyword" else task.instruction("query", index.engine.checkpoint_name)
    return index.search(
        arguments["query"],
        collection=arguments.get("collection") or task.collection,
        query_instruction=instruction,
        top_k=arguments.get("top_k", task.top_k),
        path=arguments.get("path"),
        after=arguments.get("after"),
        before=arguments.get("before"),
        mode=mode,
    ).as_dict()
