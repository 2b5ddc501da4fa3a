"""Kind `rerank`: order documents of the call by how well they answer a query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.kind import Kind
from openclaw_instructor.registry.kinds.search import INSTRUCTION_OPTIONS, SearchInstructions, instructions
from openclaw_instructor.registry.task import Task, render

MOST_DOCUMENTS = 2_000


class RerankTask(Task):
    """A task with one instruction for queries and another for documents; a cross-encoder takes neither."""

    roles: ClassVar[tuple[str, ...]] = ("query", "document")
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {
        "query": schema.LONGEST_TEXT,
        "documents": (MOST_DOCUMENTS, schema.LONGEST_TEXT),
    }
    when_too_many: ClassVar[Mapping[str, str]] = {
        "documents": "index them as files (`openclaw-instructor index add`) and use a search task"
    }

    kind: Literal["rerank"] = "rerank"
    instructions: SearchInstructions
    top_k: int = Field(10, ge=1, le=schema.MAX_TOP_K)

    @override
    def parameters(self) -> dict[str, Any]:
        return schema.object_(
            ["query", "documents"],
            query=schema.text("What the documents are to answer."),
            documents=schema.texts(
                f"The documents, at most {MOST_DOCUMENTS:,}: strings, or objects of `id` and `text`."
            ),
            top_k=schema.top_k("How many to return at most", self.top_k),
        )

    @override
    def instruction(self, role: str = "query", checkpoint: str = "") -> str:
        return render(self.instructions.document if role == "document" else self.instructions.query, checkpoint)


def new_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the keys of a new entry from the options of `tasks add`."""
    return {"instructions": instructions(options)}


KIND = Kind(
    task=RerankTask,
    runner="openclaw_instructor.tasks.rerank:run",
    skill="instructor-rerank",
    new_entry=new_entry,
    options=INSTRUCTION_OPTIONS,
)
