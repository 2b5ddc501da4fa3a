"""Kind `classify`: sort a text or an e-mail into labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter, field_validator, model_validator
from typing_extensions import override

from openclaw_instructor.registry import schema
from openclaw_instructor.registry.kinds.kind import ExtensionError, Kind, Option
from openclaw_instructor.registry.task import DESCRIPTION_LIMIT, Entry, InstructionText, Task, render

Role: TypeAlias = Literal["suspicious", "bulk", "automatic", "personal", "colleague", "invitation"]
"""What evidence beside the text may speak for: see `tasks/classifier/evidence.py`."""

MOST_MESSAGES = 50
MESSAGE_LIMITS: Mapping[str, int] = {
    "text": 200_000,
    "subject": 2_000,
    "body": 1_000_000,
    "from": 2_000,
    "to": 50_000,
    "raw": 70_000_000,  # 50 MB in base64
}


def message_properties() -> dict[str, dict[str, Any]]:
    """Describe the arguments that give an e-mail: the whole of it, or its parts."""
    return {
        "subject": schema.text("Subject line.", blank=True),
        "body": schema.text("Body, text or HTML.", blank=True),
        "from": schema.text(
            "Sender.",
            blank=True,
        ),
        "to": schema.text("Recipients, as in the To header. The label does not depend on them.", blank=True),
        "raw": schema.text("The whole message (.eml) instead, or its base64."),
    }


class Label(Entry):
    """A class of texts, told to the model by a description, by examples, or better by both."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=DESCRIPTION_LIMIT)] = ""
    examples: tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], ...] = ()

    @property
    def described(self) -> str:
        """The text that stands for the label: its name in words, and its description."""
        words = self.name.replace("_", " ")
        return f"{words}: {self.description}" if self.description else words


class LabelEdit(Label):
    """What an entry with `extends` says of a label: a new one, or more and fewer examples of one that is there.

    `without` names examples by their beginning; `enabled: false` drops the label.
    """

    enabled: bool = True
    without: tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], ...] = ()


class ClassifyTask(Task):
    """A task with labels, described and exemplified, and with thresholds below which it answers none."""

    has_view = True
    limits: ClassVar[Mapping[str, int | tuple[int, int]]] = {
        **MESSAGE_LIMITS,
        "labels": (100, 400),
        "messages": (MOST_MESSAGES, 0),
    }

    expert: ClassVar[tuple[str, ...]] = ("to",)

    kind: Literal["classify"] = "classify"
    input: Literal["text", "email"] = "text"
    instruction_text: InstructionText = Field(alias="instruction")
    labels: tuple[Label, ...] = Field(min_length=2)
    descriptions: bool = True
    evidence: dict[Role, tuple[str, ...]] = Field(default_factory=dict)
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

    @model_validator(mode="after")
    def _evidence_is_for_labels(self) -> Self:
        known = {label.name.casefold() for label in self.labels}
        for role, names in self.evidence.items():
            if missing := [name for name in names if name.casefold() not in known]:
                listed = ", ".join(label.name for label in self.labels)
                raise ValueError(f"names `{missing[0]}` under `evidence.{role}`, which is no label; known: {listed}")
        return self

    @property
    def fitted_labels(self) -> tuple[Label, ...]:
        """The labels as they are told to the model: without descriptions where these take no part."""
        if self.descriptions:
            return self.labels
        return tuple(label.model_copy(update={"description": ""}) for label in self.labels)

    @override
    def parameters(self) -> dict[str, Any]:
        labels = {
            "type": "array",
            "items": schema.text("A label."),
            "minItems": 2,
            "uniqueItems": True,
            "description": ("Other labels for this call, 2 to 100: `name` or `name: what belongs to it`."),
        }
        if self.input == "email":
            parts = {name: {"type": "string"} for name in message_properties()}
            messages = {
                "type": "array",
                "items": {"type": "object", "properties": parts, "additionalProperties": False},
                "minItems": 1,
                "description": f"Several, at most {MOST_MESSAGES}, each an object of these fields.",
            }
            return schema.object_([], **message_properties(), messages=messages, labels=labels)
        return schema.object_(["text"], text=schema.text("The text to classify."), labels=labels)

    @override
    def instruction(self, role: str = "text", checkpoint: str = "") -> str:
        return render(self.instruction_text, checkpoint)

    @override
    def usage(self) -> str:
        unsaid = [label.name for label in self.labels if label.name not in self.description]
        return (f"Labels: {', '.join(unsaid)}. " if unsaid else "") + f"Abstains below {self.abstain_below:g}."


def new_entry(options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the keys of a new entry from the options of `tasks add`."""
    what = options.get("input") or "text"
    return {
        "input": what,
        "instruction": options.get("instruction") or f"Represent the {what} for classification:",
        "labels": [_label(text) for text in options.get("label", ())],
    }


def _label(text: str) -> dict[str, str]:
    name, _, description = text.partition("=")
    return {"name": name.strip()} | ({"description": description.strip()} if description.strip() else {})


def extend(base: Mapping[str, Any], edit: Mapping[str, Any]) -> dict[str, Any]:
    """Lay an entry over the one that it extends; its labels are added to those that are there.

    Raises ValidationError for labels of another form, and ExtensionError for something to drop that is not there.
    """
    labels = {label["name"].casefold(): dict(label) for label in base["labels"]}
    for number, change in enumerate(_EDITS.validate_python({"labels": edit.get("labels", [])})["labels"]):
        key, place = change.name.casefold(), ("labels", number)
        known = labels.get(key)
        if known is None and (change.without or not change.enabled):
            names = ", ".join(label["name"] for label in labels.values())
            raise ExtensionError(place, f"drops from `{change.name}`, which is no label there", f"known: {names}")
        if not change.enabled:
            del labels[key]
            continue
        merged = known or {"name": change.name, "description": "", "examples": []}
        merged["description"] = change.description or merged["description"]
        kept = _without(merged["examples"], change.without, place)
        merged["examples"] = list(dict.fromkeys([*kept, *change.examples]))
        labels[key] = merged
    evidence = {role: [name for name in names if name.casefold() in labels] for role, names in base["evidence"].items()}
    return {**base, "evidence": evidence, **edit, "labels": list(labels.values())}


def _without(examples: Sequence[str], beginnings: Sequence[str], place: tuple[str | int, ...]) -> list[str]:
    for number, beginning in enumerate(beginnings):
        if not any(example.startswith(beginning) for example in examples):
            raise ExtensionError(
                (*place, "without", number), "is the beginning of no example", "copy it from `tasks show`"
            )
    return [example for example in examples if not example.startswith(tuple(beginnings))]


_EDITS = TypeAdapter(dict[Literal["labels"], tuple[LabelEdit, ...]])

KIND = Kind(
    task=ClassifyTask,
    extend=extend,
    runner="openclaw_instructor.tasks.classify:run",
    skill="instructor-triage",
    new_entry=new_entry,
    options=(
        Option("--instruction", "TEXT", "Instruction of a task that has one."),
        Option("--label", "NAME=DESCRIPTION", "A label to sort into; repeat it.", multiple=True),
        Option("--input", "[text|email]", "What a classify task takes. [default: text]"),
    ),
)


def texts_of(labels: Sequence[Label]) -> list[str]:
    """Return what is embedded of labels: the description of each, then the examples of each."""
    return [*(label.described for label in labels), *(example for label in labels for example in label.examples)]
