"""Kind `read`: a part of an indexed file, in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.kind import Kind
from openclaw_instructor.registry.task import Task

MAX_AROUND = 200


class ReadTask(Task):
    """Nothing is embedded, so there is no instruction."""

    roles: ClassVar[tuple[str, ...]] = ()
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {"file": 4_200, "location": 500, "collection": 1_000}

    expert: ClassVar[tuple[str, ...]] = ("collection",)

    kind: Literal["read"] = "read"

    @override
    def parameters(self) -> dict[str, Any]:
        return schema.object_(
            ["file"],
            file=schema.text("The file, as a hit names it."),
            location=schema.text("As a hit says: `lines 3-9`, `page 3`, `Budget, rows 2-5`."),
            around=schema.count("More on both sides.", 0, MAX_AROUND, 0),
            collection=schema.text("Only from this collection.") | {"default": "*"},
        )

    @override
    def instruction(self, role: str = "", checkpoint: str = "") -> str:
        return ""


def new_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the keys of a new entry from the options of `tasks add`."""
    return {}


KIND = Kind(task=ReadTask, runner="openclaw_instructor.tasks.read:run", skill="instructor-search", new_entry=new_entry)
