"""`tasks add`: options -> an entry of `instructions.yaml`, proved sound before the file changes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openclaw_instructor.errors import InvalidArguments, InvalidRegistry
from openclaw_instructor.paths import write_whole
from openclaw_instructor.registry.yaml_edit import with_entry

_INSTRUCTIONS = {
    "classify": "Represent the {what} for classification:",
    "match": "Represent the sentence for finding a sentence with the same meaning:",
    "query": "Represent the question for retrieving supporting documents:",
    "document": "Represent the document for retrieval:",
}
_OPTIONS = {
    "search": {"query_instruction", "document_instruction", "collection"},
    "classify": {"instruction", "labels", "input_"},
    "match": {"instruction", "threshold"},
}


def build_entry(kind: str, description: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a new task. Raises InvalidArguments for options that the kind does not have or lacks."""
    wanted = {name for name, value in options.items() if value is not None and value != ()}
    if extra := sorted(wanted - _OPTIONS[kind]):
        flag = {"labels": "--label", "input_": "--input"}.get(extra[0], "--" + extra[0].replace("_", "-"))
        raise InvalidArguments(f"a task of kind {kind} has no {flag}; leave it out, or choose another --kind")
    entry: dict[str, Any] = {"kind": kind, "description": description}
    if kind == "search":
        entry["instructions"] = {
            role: options.get(f"{role}_instruction") or _INSTRUCTIONS[role] for role in ("query", "document")
        }
        entry["collection"] = options.get("collection") or "docs"
    elif kind == "classify":
        what = options.get("input_") or "text"
        entry["input"] = what
        entry["instruction"] = options.get("instruction") or _INSTRUCTIONS[kind].format(what=what)
        entry["labels"] = [_label(text) for text in options.get("labels", ())]
    else:
        entry["instruction"] = options.get("instruction") or _INSTRUCTIONS[kind]
        if options.get("threshold") is not None:
            entry["threshold"] = options["threshold"]
    return entry


def write_entry(path: Path, name: str, entry: Mapping[str, Any]) -> None:
    """Add the entry to the file, after a copy with it passed `tasks check`. Raises InvalidRegistry,
    InvalidSettings, UnreadableSource."""
    from openclaw_instructor.registry import check

    text = with_entry(path, "tasks", name, entry, new="version: 1\n")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(text, encoding="utf-8")
        if problems := check(copy):
            where = f"`{problems[0].key}`: " if problems[0].key else ""
            raise InvalidRegistry(f"nothing was added: {where}{problems[0].what}; {problems[0].fix}")
    write_whole(path, text)


def _label(text: str) -> dict[str, str]:
    name, _, description = text.partition("=")
    return {"name": name.strip()} | ({"description": description.strip()} if description.strip() else {})
