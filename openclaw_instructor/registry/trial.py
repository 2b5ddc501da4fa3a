"""A task that is not saved: one of the registry with some keys changed, or an entry that somebody is writing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry import entries
from openclaw_instructor.registry.kinds import kind_of
from openclaw_instructor.registry.registry import Registry, packaged_path
from openclaw_instructor.registry.source import Problem, parse
from openclaw_instructor.registry.task import Task

LONGEST_TEXT = 1_000_000


def changed(registry: Registry, name: str, changes: Mapping[str, Any]) -> Task:
    """Return a task with other values for some keys of its entry. Raises UnknownTask, InvalidArguments."""
    task = registry.get(name)
    try:
        return kind_of(task).task.model_validate({**task.entry(), **changes, "kind": task.kind, "name": name})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidArguments(f"`{place}` of {name}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


def checked(path: Path, text: str) -> tuple[dict[str, Task], list[Problem]]:
    """Return the valid tasks that a text would define as the file `path`, and the problems of the others."""
    if len(text) > LONGEST_TEXT:
        raise InvalidArguments(f"the text is longer than {LONGEST_TEXT:,} characters; move long examples elsewhere")
    base, _ = entries.load(packaged_path(), None)
    found, problems = entries.of_source(parse(path, text), base)
    return found.tasks, problems


def written(path: Path, text: str, name: str) -> Task:
    """Return the task of that name as a text would define it. Raises InvalidArguments with what is wrong there."""
    tasks, problems = checked(path, text)
    if name in tasks:
        return tasks[name]
    what = f"line {problems[0].line or 1}: {problems[0].what}; {problems[0].fix}" if problems else "it is not there"
    raise InvalidArguments(f"the text defines no task `{name[:64]}`: {what}")
