"""Kind `search`: find passages of the indexed documents that answer a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.tasks import doubts

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index import Index, SearchResult
    from openclaw_instructor.index.progress import Progress
    from openclaw_instructor.registry import Registry
    from openclaw_instructor.registry.kinds.search import SearchTask
    from openclaw_instructor.tasks.runners import Resources


def run(task: SearchTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Search the collections that are asked for, else the task's own.

    The result is flat: `hits` first by rank, each with file, location, heading, score and snippet, then `count`,
    `collections_searched`, `stale`, `truncated_query` and `notes`. Raises what Index.search raises.
    """
    options = _options(task, arguments, resources)
    result: SearchResult = resources.index.search(arguments["query"], **options)
    answer = result.as_dict()
    if options["query_instruction"]:
        answer["notes"] += doubts.of_question(result.query, resources.index.engine.checkpoint_name)
    return answer


def inspect(task: SearchTask, arguments: Mapping[str, Any], resources: Resources, expect: str) -> dict[str, Any]:
    """Search as `run` does, and say at which stage the file `expect` was lost.

    The result has `expect`, `found`, `stage`, `reason`, `file`, what is known of its best passage, and the whole
    `result`. Raises what Index.inspect raises.
    """
    options = _options(task, arguments, resources)
    return resources.index.inspect(arguments["query"], expect, **options)


def changed(registry: Registry, name: str, changes: Mapping[str, Any]) -> SearchTask:
    """Return a search task with other values for some keys of its entry. Raises UnknownTask, InvalidArguments."""
    from openclaw_instructor.registry import trial
    from openclaw_instructor.registry.kinds.search import SearchTask

    task = trial.changed(registry, name, changes) if changes else registry.get(name)
    if not isinstance(task, SearchTask):
        raise InvalidArguments(f"task `{name}` is of kind {task.kind}; name one that searches")
    return task


def under(
    task: SearchTask,
    arguments: Mapping[str, Any],
    resources: Resources,
    engine: Engine,
    on_progress: Progress,
    expect: str | None = None,
) -> dict[str, Any]:
    """Search as `run` does, as if the checkpoint of `engine` had embedded the collections; see `index.other_model`.

    The result also has `compared`: checkpoint, passages `embedded` of how many, how many of them were `cut`, and
    whether that was the `whole`. With `expect`, `inspected` says at which stage that file was lost. Raises
    InvalidArguments for a search by words alone.
    """
    from openclaw_instructor.index.answering import Asked
    from openclaw_instructor.index.filters import Filter
    from openclaw_instructor.index.search import checked_query

    options = _options(task, arguments, resources)
    if options["mode"] == "keyword":
        raise InvalidArguments("words alone are ranked without a checkpoint; choose another mode to compare them")
    name = engine.checkpoint_name
    asked = Asked(
        query=checked_query(arguments["query"], options["mode"]),
        instruction=task.instruction("query", name),
        wanted=Filter.parse(*(options[key] for key in ("path", "after", "before", "where", "types"))),
        mode=options["mode"],
        top_k=options["top_k"],
        diversity=options["diversity"],
        explain=options["explain"],
        expect=expect,
    )
    found = resources.index.under(engine).search(
        asked,
        options["query_instruction"],
        options["collection"],
        lambda collection: resources.document_instruction(collection, name),
        on_progress,
    )
    known = {"checkpoint": name, "embedded": found.embedded, "passages": found.passages, "cut": found.cut}
    result = found.result.as_dict() | {"compared": known | {"whole": found.embedded == found.passages}}
    return result | ({"inspected": found.inspected} if found.inspected else {})


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
