"""Kind `teach`: a message and the label that is right, kept as a correction of a classify task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.classify import MESSAGE_LIMITS, message_properties
from openclaw_instructor.registry.kinds.kind import Kind
from openclaw_instructor.registry.task import Task
from openclaw_instructor.registry.tool_spec import Effect


class TeachTask(Task):
    """Which classify tasks may be taught: those in `teaches`, or all when it is empty."""

    roles: ClassVar[tuple[str, ...]] = ()
    effect: ClassVar[Effect] = "write"
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {**MESSAGE_LIMITS, "label": 60, "task": 64}

    kind: Literal["teach"] = "teach"
    teaches: tuple[str, ...] = ()

    @override
    def parameters(self) -> dict[str, Any]:
        task = schema.text("The classify task to teach.") | (
            {"enum": list(self.teaches), "default": self.teaches[0]} if self.teaches else {"default": "classify_email"}
        )
        return schema.object_(
            ["label"],
            label=schema.text("The label that is right, by its exact name."),
            task=task,
            text=schema.text("The text, for a task that takes plain text."),
            **message_properties(),
        )

    @override
    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        return ""

    @override
    def usage(self) -> str:
        return f"Teaches {', '.join(self.teaches)}." if self.teaches else ""


def new_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the keys of a new entry from the options of `tasks add`."""
    return {}


KIND = Kind(
    task=TeachTask,
    runner="openclaw_instructor.tasks.teach:run",
    new_entry=new_entry,
)
