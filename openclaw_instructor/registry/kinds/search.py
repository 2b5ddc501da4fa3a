"""Kind `search`: find passages of the indexed documents that answer a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.kind import Kind, Option
from openclaw_instructor.registry.task import Entry, InstructionText, Task, render

DEFAULT_COLLECTION = "docs"


class SearchInstructions(Entry):
    """The instructions of a search task: one for questions, another for documents."""

    query: InstructionText
    document: InstructionText


class SearchTask(Task):
    """A task that searches `collection`, with one instruction for questions and another for documents."""

    has_view = True
    roles = ("query", "document")
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {
        "query": 20_000,
        "collection": 1_000,
        "path": 1_000,
        "after": 100,
        "before": 100,
        "type": 200,
        "where": (10, 500),
    }

    expert: ClassVar[tuple[str, ...]] = ("explain", "diversity")

    kind: Literal["search"] = "search"
    instructions: SearchInstructions
    collection: str = Field(DEFAULT_COLLECTION, pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9_.-]{0,63})$")
    top_k: int = Field(5, ge=1, le=schema.MAX_TOP_K)
    mode: Literal["hybrid", "vector", "keyword"] = "hybrid"

    @override
    def parameters(self) -> dict[str, Any]:
        return schema.object_(
            ["query"],
            query=schema.text("A question, or a few words."),
            top_k=schema.top_k("Most passages", self.top_k),
            collection=schema.text("Which collection to search; several with commas, `*` for all.")
            | {"default": self.collection},
            path=schema.text("A file, folder or glob: `guides/*.md`."),
            after=schema.moment("Only dated then or later: 2026-01-31, 7d."),
            before=schema.moment("Only dated before."),
            type=schema.text("Only such files: `pdf`, `mail`, `docx,odt`."),
            where=schema.fields("By fields: author, tags, from, to.", "author", "tags", "from", "to"),
            explain={"type": "boolean", "description": "Say how each hit was ranked."},
            diversity={
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "Above 0: prefer passages that differ (MMR).",
            },
            mode={
                "type": "string",
                "enum": ["hybrid", "vector", "keyword"],
                "default": self.mode,
                "description": "By meaning (vector), exact words (keyword) or both.",
            },
        )

    @override
    def instruction(self, role: str = "query", checkpoint: str = "") -> str:
        return render(self.instructions.document if role == "document" else self.instructions.query, checkpoint)

    @property
    @override
    def searches(self) -> str | None:
        return self.collection

    @override
    def usage(self) -> str:
        return f"Searches the collection `{self.collection}` unless you pass another."


def instructions(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the instructions of a new entry, from the options of `tasks add`."""
    return {
        "query": options.get("query_instruction") or "Represent the question for retrieving supporting documents:",
        "document": options.get("document_instruction") or "Represent the document for retrieval:",
    }


def new_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the keys of a new entry from the options of `tasks add`."""
    return {
        "instructions": instructions(options),
        "collection": options.get("collection") or DEFAULT_COLLECTION,
    }


INSTRUCTION_OPTIONS = (
    Option("--query-instruction", "TEXT", "Instruction for the questions of a search or rerank task."),
    Option("--document-instruction", "TEXT", "Instruction for the documents of a search or rerank task."),
)
KIND = Kind(
    task=SearchTask,
    runner="openclaw_instructor.tasks.search:run",
    skill="instructor-search",
    new_entry=new_entry,
    options=(
        *INSTRUCTION_OPTIONS,
        Option("--collection", "NAME", f"Collection that a search task searches. [default: {DEFAULT_COLLECTION}]"),
    ),
)
