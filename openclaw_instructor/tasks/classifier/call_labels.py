"""The labels of one call: the task's own, or those that the caller names."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.kinds.classify import Label
from openclaw_instructor.registry.task import DESCRIPTION_LIMIT

if TYPE_CHECKING:
    from openclaw_instructor.registry.kinds.classify import ClassifyTask


def labels_of(task: ClassifyTask, given: list[str] | None) -> tuple[Label, ...]:
    """Return the task's labels, or those of this call; a name the task knows keeps its description and examples.

    Raises InvalidArguments for labels that cannot be used.
    """
    if given is None:
        return task.fitted_labels
    if len(given) < 2:
        raise InvalidArguments(f"{task.name}: `labels` names {len(given)}; give at least 2 to choose from")
    known = {label.name.casefold(): label for label in task.labels}
    labels: dict[str, Label] = {}
    for entry in given:
        name, description = _name_and_description(entry, known)
        key = name.casefold()
        if not name or len(name) > 60:
            raise InvalidArguments(f"{task.name}: `labels` holds {entry[:80]!r}; write `name` or `name: description`")
        if len(description) > DESCRIPTION_LIMIT:
            raise InvalidArguments(
                f"{task.name}: `labels` describes `{name}` in {len(description)} characters and the limit is "
                f"{DESCRIPTION_LIMIT}; shorten it"
            )
        if key in labels:
            raise InvalidArguments(f"{task.name}: `labels` lists `{name}` twice; name each one once")
        labels[key] = known[key] if key in known and not description else Label(name=name, description=description)
    return tuple(labels.values())


def _name_and_description(entry: str, known: Collection[str]) -> tuple[str, str]:
    """Split at the first colon before a space, unless that is within a name that the task knows."""
    entry = entry.strip()
    folded = entry.casefold()
    if folded in known:
        return entry, ""
    begun = max((name for name in known if folded.startswith(f"{name}: ")), key=len, default="")
    *name, description = entry.split(": ", begun.count(": ") + 1) if ": " in entry else (entry, "")
    return ": ".join(name).strip(), description.strip()
