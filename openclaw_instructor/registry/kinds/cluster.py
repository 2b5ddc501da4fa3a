"""Kind `cluster`: sort texts of the call into groups that nobody named before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.kind import Kind, Option
from openclaw_instructor.registry.task import InstructionText, Task, render

MOST_CLUSTERS = 100


class ClusterTask(Task):
    """A task whose instruction says by what texts are to be alike; `k` is how many clusters, found where not given."""

    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {"texts": (schema.MOST_TEXTS, schema.LONGEST_TEXT)}

    kind: Literal["cluster"] = "cluster"
    instruction_text: InstructionText = Field(alias="instruction")
    k: int | None = Field(None, ge=1, le=MOST_CLUSTERS)

    @override
    def parameters(self) -> dict[str, Any]:
        default = {} if self.k is None else {"default": self.k}
        return schema.object_(
            ["texts"],
            texts=schema.texts(f"The texts, at most {schema.MOST_TEXTS:,}: strings, or objects of `id` and `text`."),
            k={
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_CLUSTERS,
                "description": "How many clusters. Without it the number is found.",
                **default,
            },
            members=schema.count("Most members to list of each cluster, the most typical first.", 0, 20_000, 5),
            points={
                "type": "boolean",
                "default": False,
                "description": "Also return the cluster of each text and its place on a plane, to draw them.",
            },
        )

    @override
    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        return render(self.instruction_text, checkpoint)

    @override
    def usage(self) -> str:
        return "" if self.k is None else f"{self.k} clusters unless you pass another `k`."


def new_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the keys of a new entry from the options of `tasks add`."""
    return {"instruction": options.get("instruction") or "Represent the text for clustering by topic:"}


KIND = Kind(
    task=ClusterTask,
    runner="openclaw_instructor.tasks.cluster:run",
    skill="instructor-cluster",
    new_entry=new_entry,
    options=(Option("--instruction", "TEXT", "Instruction of a task that has one."),),
)
