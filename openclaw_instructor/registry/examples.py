"""Add an example of a label to a person's own entry of a classify task, and leave the rest of the file as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openclaw_instructor.errors import InvalidArguments, InvalidRegistry
from openclaw_instructor.registry.entries import PACKAGED
from openclaw_instructor.registry.kinds import kind_of
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.registry.new_entry import write_checked
from openclaw_instructor.registry.own_entry import own_entry
from openclaw_instructor.registry.registry import Registry
from openclaw_instructor.registry.source import suggest
from openclaw_instructor.registry.yaml_edit import with_entry, with_item


def write_example(path: Path, registry: Registry, name: str, label: str, text: str) -> None:
    """Write `text` as an example of `label` of the task into the file.

    Raises UnknownTask, InvalidArguments, InvalidRegistry, InvalidSettings and UnreadableSource.
    """
    if registry.problem:
        raise InvalidRegistry(f"nothing was added, because {registry.problem}")
    task = registry.get(name)
    if not isinstance(task, ClassifyTask):
        raise InvalidArguments(f"`{name}` is of kind {task.kind} and has no labels; name a task of kind classify")
    known = {each.name.casefold(): each for each in task.labels}
    if label.casefold() not in known:
        raise InvalidArguments(f"`{name}` has no label `{label[:60]}`; {suggest(label, [e.name for e in task.labels])}")
    exact = known[label.casefold()]
    if not text.strip():
        raise InvalidArguments("the example is empty; write a text as it really comes in")
    if text.strip() in exact.examples:
        raise InvalidArguments(f"`{exact.name}` has this example already; nothing was added")
    write_checked(path, _with_example(path, name, exact.name, text.strip()))


def entry_with_examples(registry: Registry, name: str, examples: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return an entry of the task with further examples: of one that extends a packaged task only what is added to it.

    Labels that the task does not have become new ones. Raises UnknownTask, InvalidArguments.
    """
    task = registry.get(name)
    if not isinstance(task, ClassifyTask):
        raise InvalidArguments(f"`{name}` is of kind {task.kind} and has no labels; name a task of kind classify")
    added = {"labels": [{"name": label, "examples": list(texts)} for label, texts in examples.items()]}
    own = own_entry(registry.sources[1], name)
    if own is None:
        return {"extends": PACKAGED} | added
    if "extends" in own:
        return own | {"labels": _with_examples(own.get("labels") or [], examples)}
    return kind_of(task).extend(task.entry(), added)


def _with_examples(labels: Sequence[Mapping[str, Any]], examples: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Add examples to the labels of an entry, which gets those that it lacks."""
    left = {label.casefold(): (label, list(texts)) for label, texts in examples.items()}
    extended = []
    for each in labels:
        _, texts = left.pop(_name(each), ("", []))
        extended.append(dict(each) | ({"examples": [*each.get("examples", []), *texts]} if texts else {}))
    return extended + [{"name": label, "examples": texts} for label, texts in left.values()]


def _with_example(path: Path, name: str, label: str, text: str) -> str:
    """Return the text of the file with the example in it, where the file says most of the label already."""
    own = own_entry(path, name)
    new = {"name": label, "examples": [text]}
    if own is None or set(own) == {"enabled"}:
        if own is not None:
            raise InvalidArguments(f"{path}: `{name}` is switched there by `enabled`; write `extends: {PACKAGED}` too")
        return with_entry(path, "tasks", name, {"extends": PACKAGED, "labels": [new]}, new="version: 1\n")
    if not own.get("labels"):
        return with_item(path, ("tasks", name), "labels", [new])
    labels = own["labels"]
    at = next((number for number, each in enumerate(labels) if _name(each) == label.casefold()), None)
    if at is None:
        return with_item(path, ("tasks", name, "labels"), None, new)
    if not labels[at].get("examples"):
        return with_item(path, ("tasks", name, "labels", at), "examples", [text])
    return with_item(path, ("tasks", name, "labels", at, "examples"), None, text)


def _name(label: Any) -> str:
    return str(label.get("name", "")).strip().casefold()
