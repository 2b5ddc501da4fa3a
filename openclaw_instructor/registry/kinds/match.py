"""Kind `match`: rank texts of the call by how close in meaning they are to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.kind import Kind, Option
from openclaw_instructor.registry.task import InstructionText, Task, render

MOST_QUERIES = 2_000


class MatchTask(Task):
    """A task whose queries and candidates share one instruction."""

    has_view = True
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {
        "query": schema.LONGEST_TEXT,
        "queries": (MOST_QUERIES, schema.LONGEST_TEXT),
        "candidates": (schema.MOST_TEXTS, schema.LONGEST_TEXT),
    }
    when_too_many: ClassVar[Mapping[str, str]] = {
        "queries": "send them in several calls",
        "candidates": "index them as files (`openclaw-instructor index add`) and use a search task, or send parts and "
        "match the best of each again",
    }

    expert: ClassVar[tuple[str, ...]] = ("one_to_one",)

    kind: Literal["match"] = "match"
    instruction_text: InstructionText = Field(alias="instruction")
    top_k: int = Field(5, ge=1, le=schema.MAX_TOP_K)
    threshold: float = Field(0.3, ge=-1, le=1)

    @override
    def parameters(self) -> dict[str, Any]:
        return schema.object_(
            ["candidates"],
            query=schema.text("The text to find the like of."),
            queries=schema.texts(f"Several, at most {MOST_QUERIES:,}."),
            candidates=schema.texts(f"The texts to compare, at most {schema.MOST_TEXTS:,}."),
            top_k=schema.top_k("Most matches", self.top_k),
            threshold={
                "type": "number",
                "minimum": -1,
                "maximum": 1,
                "default": self.threshold,
                "description": "Lowest cosine that counts as a match.",
            },
            one_to_one={
                "type": "boolean",
                "default": False,
                "description": "Give each query at most one candidate and each candidate to at most one query, with "
                "the best scores in sum.",
            },
        )

    @override
    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        return render(self.instruction_text, checkpoint)

    @override
    def usage(self) -> str:
        return f"Threshold {self.threshold:g} unless you pass another."


def new_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the keys of a new entry from the options of `tasks add`."""
    default = "Represent the sentence for finding a sentence with the same meaning:"
    threshold = options.get("threshold")
    return {"instruction": options.get("instruction") or default} | (
        {} if threshold is None else {"threshold": threshold}
    )


OPTIONS = (
    Option("--instruction", "TEXT", "Instruction of a task that has one."),
    Option("--threshold", "NUMBER", "Lowest score that counts as a match.", type=float),
)
KIND = Kind(
    task=MatchTask,
    runner="openclaw_instructor.tasks.match:run",
    skill="instructor-match",
    new_entry=new_entry,
    options=OPTIONS,
)
