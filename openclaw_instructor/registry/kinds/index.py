"""Kind `index`: a folder that an agent adds to the index, where the owner allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.kind import Kind
from openclaw_instructor.registry.kinds.search import DEFAULT_COLLECTION
from openclaw_instructor.registry.task import Task
from openclaw_instructor.registry.tool_spec import Effect


class IndexTask(Task):
    """The instruction of the documents is that of the task that searches the collection."""

    roles: ClassVar[tuple[str, ...]] = ()
    effect: ClassVar[Effect] = "write"
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {"folder": 4_200, "collection": 64}

    kind: Literal["index"] = "index"

    @override
    def parameters(self) -> dict[str, Any]:
        return schema.object_(
            ["folder"],
            folder=schema.text("Absolute path of the folder."),
            collection=schema.text("The collection to add it to.") | {"default": DEFAULT_COLLECTION},
        )

    @override
    def instruction(self, role: str = "", checkpoint: str = "") -> str:
        return ""


def new_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the keys of a new entry from the options of `tasks add`."""
    return {}


KIND = Kind(
    task=IndexTask, runner="openclaw_instructor.tasks.index:run", skill="instructor-search", new_entry=new_entry
)
