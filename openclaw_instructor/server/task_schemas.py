"""Define the bodies of requests about tasks, corrections, checkpoints and maps."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, StrictInt, StrictStr

from openclaw_instructor.server.schemas import MAX_INPUT_CHARACTERS, Strict


class SearchUnder(Strict):
    """Body of POST /v1/checkpoints/search: a search, and the checkpoint that is to answer it."""

    checkpoint: StrictStr = Field(min_length=1, max_length=4_200)
    task: StrictStr = Field("search_docs", min_length=1, max_length=64)
    arguments: dict[str, Any] = Field(description="The arguments of the task.")
    changes: dict[str, Any] = Field({}, description="Keys of the task that are otherwise, such as `instructions`.")
    expect: StrictStr | None = Field(None, min_length=1, max_length=4_200, description="A file that should be found.")


class TextMap(Strict):
    """Body of POST /v1/map: a collection or a classify task, and a second instruction to show beside its own."""

    collection: StrictStr | None = Field(None, min_length=1, max_length=64)
    task: StrictStr | None = Field(None, min_length=1, max_length=64)
    instruction: StrictStr | None = Field(None, max_length=2_000)
    method: Literal["pca", "umap"] = "pca"
    points: StrictInt = Field(10_000, ge=2, le=50_000)


class TryTask(Strict):
    """Body of POST /v1/tasks/try: arguments, and the task as a text of instructions.yaml or as changed keys."""

    task: StrictStr = Field(min_length=1, max_length=64)
    arguments: dict[str, Any] = Field(description="The arguments of the task.")
    changes: dict[str, Any] = Field({}, description="Keys of the entry that are otherwise, such as `instructions`.")
    text: StrictStr = Field("", description="A text of instructions.yaml that defines the task.")


class TasksText(Strict):
    """Body of POST /v1/tasks/check: a text of instructions.yaml."""

    text: StrictStr


class TasksEdit(TasksText):
    """Body of POST /v1/tasks/file; `before` is the text that was edited, so that nothing is lost to another editor."""

    before: StrictStr


class TaskExample(Strict):
    """Body of POST /v1/tasks/example."""

    task: StrictStr = Field(min_length=1, max_length=64)
    label: StrictStr = Field(min_length=1, max_length=60)
    text: StrictStr = Field(min_length=1, max_length=MAX_INPUT_CHARACTERS)


class TuningId(Strict):
    """Body of POST /v1/tasks/tune/apply: the `id` of what POST /v1/tasks/tune compared."""

    id: StrictStr = Field(min_length=1, max_length=64)


class Teach(Strict):
    """Body of POST /v1/corrections: a message as the task takes it, and the label that is right."""

    task: StrictStr = Field(min_length=1, max_length=64)
    label: StrictStr = Field(min_length=1, max_length=60)
    message: dict[str, Any] = Field(description="The arguments of the task, such as `raw`, or `subject` and `body`.")


class SenderRule(Strict):
    """Body of POST /v1/corrections/rule: all mail of an address, or of a domain, has this label."""

    task: StrictStr = Field(min_length=1, max_length=64)
    sender: StrictStr = Field(min_length=1, max_length=320)
    label: StrictStr = Field(min_length=1, max_length=60)


class CorrectionId(Strict):
    """Body of POST /v1/corrections/undo."""

    id: StrictInt = Field(ge=1)
