"""What an entry of `instructions.yaml` may say, kind by kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, field_validator

from openclaw_instructor.registry import schema

DESCRIPTION_LIMIT = 300
# Surfaces publish tools of their own under these names.
RESERVED_NAMES = frozenset({"instructor_task"})
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"

Description = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=DESCRIPTION_LIMIT)]


def _instruction(value: object) -> str | dict[str, str]:
    if isinstance(value, str) and value.strip():
        return value
    if not isinstance(value, dict):
        raise ValueError('must be text or a mapping of checkpoint to text; write "Represent the sentence for ...:"')
    for checkpoint, text in value.items():
        if not isinstance(checkpoint, str) or not isinstance(text, str):
            raise ValueError(f"the entry for checkpoint `{checkpoint}` must be text; put it in quotes")
    # Only a named checkpoint may say "no instruction": a blank default is far more likely a slip.
    if not value.get("default", "").strip():
        raise ValueError("a mapping of checkpoints needs a `default`; add `default: ...`")
    return value


InstructionText: TypeAlias = Annotated[str | dict[str, str], PlainValidator(_instruction)]


def render(instruction: str | Mapping[str, str], checkpoint: str = "") -> str:
    """The instruction as it is joined to a text: stripped, then exactly one space; an empty one stays empty.

    From a mapping, the entry of `checkpoint` counts, else that of its last path part, else `default`.
    """
    if not isinstance(instruction, str):
        short = checkpoint.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        instruction = instruction.get(checkpoint, instruction.get(short, instruction["default"]))
    stripped = instruction.strip()
    return stripped + " " if stripped else ""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(_Entry, ABC):
    """One named tool. `kind` says which code runs it; the other keys configure that code."""

    roles: ClassVar[tuple[str, ...]] = ("text",)

    name: str
    kind: str
    description: Description
    enabled: bool = True

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise ValueError("is a name that the plugin itself uses; choose another")
        return name

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """JSON Schema of the arguments: what every surface shows and what every call is checked against."""

    @abstractmethod
    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        """The rendered instruction of one of this task's `roles`, for this checkpoint."""


class SearchInstructions(_Entry):
    """Questions and documents are steered apart, so that a question lands near its answer."""

    query: InstructionText
    document: InstructionText


class SearchTask(Task):
    roles = ("query", "document")

    kind: Literal["search"] = "search"
    instructions: SearchInstructions
    collection: str = Field("docs", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    top_k: int = Field(5, ge=1, le=schema.MAX_TOP_K)
    mode: Literal["hybrid", "vector", "keyword"] = "hybrid"

    def parameters(self) -> dict[str, Any]:
        return schema.search(self.collection, self.top_k, self.mode)

    def instruction(self, role: str = "query", checkpoint: str = "") -> str:
        return render(self.instructions.document if role == "document" else self.instructions.query, checkpoint)


class Label(_Entry):
    """A class of texts, told to the model by a description, by examples, or better by both."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=DESCRIPTION_LIMIT)] = ""
    examples: tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], ...] = ()


class ClassifyTask(Task):
    kind: Literal["classify"] = "classify"
    input: Literal["text", "email"] = "text"
    instruction_text: InstructionText = Field(alias="instruction")
    labels: tuple[Label, ...] = Field(min_length=2)
    abstain_below: float = Field(0.5, ge=0, le=1)
    min_margin: float = Field(0.05, ge=0, le=1)

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: tuple[Label, ...]) -> tuple[Label, ...]:
        seen: set[str] = set()
        for label in labels:
            if label.name.casefold() in seen:
                raise ValueError(f"label `{label.name}` is listed twice; merge the two or rename one")
            seen.add(label.name.casefold())
        return labels

    def parameters(self) -> dict[str, Any]:
        return schema.classify(self.input)

    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        return render(self.instruction_text, checkpoint)


class MatchTask(Task):
    kind: Literal["match"] = "match"
    instruction_text: InstructionText = Field(alias="instruction")
    top_k: int = Field(5, ge=1, le=schema.MAX_TOP_K)
    threshold: float = Field(0.3, ge=-1, le=1)

    def parameters(self) -> dict[str, Any]:
        return schema.match(self.top_k, self.threshold)

    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        return render(self.instruction_text, checkpoint)


KINDS: Mapping[str, type[Task]] = {"search": SearchTask, "classify": ClassifyTask, "match": MatchTask}
