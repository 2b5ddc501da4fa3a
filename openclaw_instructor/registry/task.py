"""Define a task: what an entry of `instructions.yaml` may say whatever its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict, PlainValidator, StringConstraints, field_validator

from openclaw_instructor.registry.tool_spec import Effect, ToolSpec, title_of

DESCRIPTION_LIMIT = 300
# Names of tools that surfaces publish themselves.
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
    # Only a named checkpoint may have no instruction: a blank default is probably a mistake.
    if not value.get("default", "").strip():
        raise ValueError("a mapping of checkpoints needs a `default`; add `default: ...`")
    return value


InstructionText: TypeAlias = Annotated[str | dict[str, str], PlainValidator(_instruction)]


def render(instruction: str | Mapping[str, str], checkpoint: str = "") -> str:
    """Render an instruction as it is joined to a text: stripped, then exactly one space; an empty one stays empty.

    From a mapping, the entry of `checkpoint` counts, else that of its last path part, else `default`.
    """
    if not isinstance(instruction, str):
        short = checkpoint.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        instruction = instruction.get(checkpoint, instruction.get(short, instruction["default"]))
    stripped = instruction.strip()
    return stripped + " " if stripped else ""


class Entry(BaseModel):
    """A frozen mapping of the file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(Entry, ABC):
    """One named tool. `kind` says which code runs it; the other keys configure that code."""

    roles: ClassVar[tuple[str, ...]] = ("text",)
    effect: ClassVar[Effect] = "read"
    # Whether hosts that render MCP Apps show the result as one (`server/mcp_app`).
    has_view: ClassVar[bool] = False
    # Most characters of a text argument, or most entries of a list or mapping and characters of each. Not in the
    # schema: see `schema.py`.
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {}
    # What to do instead of passing more entries than the limit, by argument; where nothing is said: send fewer.
    when_too_many: ClassVar[Mapping[str, str]] = {}
    # Arguments for people, which agents are not told of.
    expert: ClassVar[tuple[str, ...]] = ()

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
        """Return the JSON Schema of the arguments: every surface shows it, every call is checked against it."""

    def entry(self) -> dict[str, Any]:
        """Return the keys that an entry of `instructions.yaml` says of this task."""
        return self.model_dump(mode="json", by_alias=True, exclude={"name", "enabled"})

    def tool_spec(self) -> ToolSpec:
        """Describe the task as a tool."""
        return ToolSpec(
            self.name, title_of(self.name), self.description, self.parameters(), self.effect, self.expert, self.has_view
        )

    @abstractmethod
    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        """Return the rendered instruction of one of this task's `roles`, for this checkpoint."""

    @property
    def searches(self) -> str | None:
        """The collection whose documents this task searches, and whose `document` instruction it gives; else None."""
        return None

    def usage(self) -> str:
        """Return sentences that a skill adds to this task's description; "" for none."""
        return ""
