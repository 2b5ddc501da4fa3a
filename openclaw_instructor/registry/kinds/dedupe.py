"""Kind `dedupe`: groups of texts of the call that say nearly the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints
from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.kind import Kind
from openclaw_instructor.registry.kinds.match import OPTIONS, new_entry
from openclaw_instructor.registry.task import Entry, InstructionText, Task, render

THRESHOLD = 0.8
MOST_PAIRS = 2_000

PairText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=schema.LONGEST_TEXT)]


class Pair(Entry):
    """Two texts, and whether they count as the same."""

    a: PairText
    b: PairText
    same: bool


class DedupeTask(Task):
    """A task with a threshold, or with `pairs` from which it is learned."""

    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {
        "texts": (schema.MOST_TEXTS, schema.LONGEST_TEXT),
        "pairs": (MOST_PAIRS, schema.LONGEST_TEXT),
    }

    kind: Literal["dedupe"] = "dedupe"
    instruction_text: InstructionText = Field(alias="instruction")
    threshold: float = Field(THRESHOLD, gt=0, le=1)
    pairs: tuple[Pair, ...] = Field((), max_length=MOST_PAIRS)

    @override
    def parameters(self) -> dict[str, Any]:
        pair = {"a": {"type": "string"}, "b": {"type": "string"}, "same": {"type": "boolean"}}
        return schema.object_(
            ["texts"],
            texts=schema.texts(f"The texts, at most {schema.MOST_TEXTS:,}: strings, or objects of `id` and `text`."),
            threshold={
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "Lowest cosine similarity of duplicates. Default: "
                + ("what the task's pairs teach." if self.pairs else f"{self.threshold:g}."),
            },
            pairs={
                "type": "array",
                "items": {"type": "object", "properties": pair, "required": list(pair)},
                "minItems": 2,
                "description": "Instead of a threshold: pairs of texts `a` and `b` with `same`, true and false ones, "
                "to learn it from.",
            },
        )

    @override
    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        return render(self.instruction_text, checkpoint)

    @override
    def usage(self) -> str:
        return "" if self.pairs else f"Threshold {self.threshold:g} unless you pass another."


KIND = Kind(
    task=DedupeTask,
    runner="openclaw_instructor.tasks.dedupe:run",
    skill="instructor-dedupe",
    new_entry=new_entry,
    options=OPTIONS,
)
