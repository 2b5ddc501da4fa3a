"""Kind `list`: what is indexed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.registry.kinds.list import ListTask
    from openclaw_instructor.tasks.runners import Resources


def run(task: ListTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """List the documents that pass, newest first, after the collections and folders that hold them.

    Raises InvalidArguments and UnknownCollection.
    """
    from openclaw_instructor.index import empty_results
    from openclaw_instructor.index.filters import Filter

    index, collection = resources.index, arguments.get("collection", "*")
    wanted = Filter.parse(path=arguments.get("path"), after=arguments.get("after"), types=arguments.get("type"))
    states = index.status(collection, steering=resources.document_instruction)
    listed = index.catalogue.listed(wanted, collection, arguments.get("limit", 20))
    found = [
        {
            "name": state.name,
            "documents": state.documents,
            "passages": state.chunks,
            "folders": state.folders,
            "synced_at": state.synced_at,
            "stale": state.stale,
        }
        for state in states
    ]
    notes = [state.reason for state in states if state.reason] or ([] if states else [empty_results.nothing_indexed()])
    return {"collections": found, **listed, "notes": [*listed["notes"], *notes]}
