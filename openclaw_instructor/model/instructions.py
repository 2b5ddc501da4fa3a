"""Describe how a checkpoint takes instructions, from its files, a table of well-known ones, or the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.model.known import KNOWN
from openclaw_instructor.model.layout import read_json
from openclaw_instructor.model.shapes import Shape, T5Shape

Kind = Literal["masked", "prefix", "template", "none"]
Role = Literal["query", "document", "text"]
ROLES: tuple[Role, ...] = ("query", "document", "text")
# Names that `config_sentence_transformers.json` gives to prompts.
_NAMES: dict[Role, tuple[str, ...]] = {
    "query": ("query", "Retrieval-query", "web_search_query"),
    "document": ("document", "passage", "Document"),
    "text": ("STS", "Clustering"),
}


@dataclass(frozen=True)
class InstructionForm:
    """What is put before a text.

    masked     the task's instruction, left out of the mean (INSTRUCTOR)
    prefix     a prompt of the checkpoint's own for each role, such as `query: `
    template   the task's instruction inside a sentence of the checkpoint's, before queries only
    none       nothing

    `prompts` are those of `prefix`; `template` holds `{instruction}`.
    """

    kind: Kind
    prompts: Mapping[str, str] = field(default_factory=dict)
    template: str = ""

    def before(self, instruction: str, role: Role) -> str:
        """Return the prefix of a text in this role under a task's instruction."""
        if self.kind == "masked":
            return instruction
        if self.kind == "template":
            wanted = role == "query" and instruction.strip()
            return self.template.replace("{instruction}", instruction.strip().rstrip(":")) if wanted else ""
        return self.prompts.get(role, "") if self.kind == "prefix" else ""

    @property
    def description(self) -> str:
        """A description in one line, for people."""
        if self.kind == "masked":
            return "the task's instruction before each text, left out of the mean"
        if self.kind == "template":
            return f"the task's instruction before queries, as {self.template!r}"
        if self.kind == "prefix":
            return "its own prompts: " + ", ".join(f"{role} {prompt!r}" for role, prompt in self.prompts.items())
        return "none: texts are embedded as they are"

    def is_default(self, shape: Shape) -> bool:
        """Whether this is the default form of a checkpoint of this family."""
        return self.kind == ("masked" if isinstance(shape, T5Shape) else "none")


def form_of(name: str, folder: Path, *, masks_prompt: bool) -> InstructionForm:
    """Choose the form of a checkpoint: from the table, its own prompts, or masked if its pooling masks prompts."""
    if known := KNOWN.get(name):
        return InstructionForm(known.form, dict(known.prompts), known.template)
    path = folder / "config_sentence_transformers.json"
    prompts = _own_prompts(read_json(path).get("prompts")) if path.is_file() else {}
    if masks_prompt:
        return InstructionForm("masked")
    if any("{instruction}" in prompt for prompt in prompts.values()):
        return InstructionForm("template", template=next(p for p in prompts.values() if "{instruction}" in p))
    return InstructionForm("prefix", prompts) if prompts else InstructionForm("none")


def overridden(form: InstructionForm, kind: str | None, prompts: Mapping[str, str] | None) -> InstructionForm:
    """Apply the settings of `config.yaml` to the form. Raises InvalidSettings."""
    if kind is not None and "{instruction}" in kind:
        form = InstructionForm("template", template=kind)
    elif kind == "masked" or kind == "none":
        form = InstructionForm("masked" if kind == "masked" else "none")
    elif kind is not None and kind != "prefix":
        raise InvalidSettings(
            f"setting `instruction_form`: {kind!r:.60}; use masked, prefix, none, or a template with {{instruction}}"
        )
    if prompts is not None:
        if strange := [role for role in prompts if role not in ROLES]:
            raise InvalidSettings(f"setting `prompts`: {strange[0]!r:.40} is no role; use {', '.join(ROLES)}")
        form = replace(form, kind="prefix", prompts={**form.prompts, **prompts})
    return form


def _own_prompts(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        return {}
    found: dict[str, str] = {}
    for role, names in _NAMES.items():
        prompt = next((given[name] for name in names if isinstance(given.get(name), str) and given[name]), None)
        if prompt is not None:
            found[role] = prompt
    return found
