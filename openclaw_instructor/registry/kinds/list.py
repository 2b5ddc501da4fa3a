"""Kind `list`: what is indexed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.kind import Kind
from openclaw_instructor.registry.task import Task

MAX_LISTED = 500


class ListTask(Task):
    """Nothing is embedded, so there is no instruction."""

    roles: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {
        "path": 1_000,
        "collection": 1_000,
        "type": 200,
        "after": 100,
    }

    expert: ClassVar[tuple[str, ...]] = ("after", "limit")

    kind: Literal["list"] = "list"

    @override
    def parameters(self) -> dict[str, Any]:
        return schema.object_(
            [],
            path=schema.text("A folder, name or glob: `*invoice*.pdf`."),
            type=schema.text("Only such files: `pdf`, `mail`."),
            after=schema.moment("Only what is dated then or later."),
            collection=schema.text("Only of this collection.") | {"default": "*"},
            limit=schema.count("Most documents.", 1, MAX_LISTED, 20),
        )

    @override
    def instruction(self, role: str = "", checkpoint: str = "") -> str:
        return ""


def new_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the keys of a new entry from the options of `tasks add`."""
    return {}


KIND = Kind(task=ListTask, runner="openclaw_instructor.tasks.list:run", skill="instructor-search", new_entry=new_entry)
