"""Define a kind of task: its entry, the code that runs it, its skill, and the options of `tasks add`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from openclaw_instructor.registry.task import Task


@dataclass(frozen=True)
class Option:
    """An option of `tasks add`; its value reaches `Kind.new_entry` under the flag's name with underscores."""

    flag: str
    metavar: str
    help: str
    type: type[str] | type[float] = str
    multiple: bool = False

    @property
    def name(self) -> str:
        """The key under which `new_entry` finds the value."""
        return self.flag.removeprefix("--").replace("-", "_")


class ExtensionError(ValueError):
    """An entry asks for a change of the entry it extends that is impossible; the message is "problem; fix"."""

    def __init__(self, location: tuple[str | int, ...], what: str, fix: str) -> None:
        super().__init__(f"{what}; {fix}")
        self.location, self.what, self.fix = location, what, fix


def replace_keys(base: Mapping[str, Any], edit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of `base` with those of `edit` in their place."""
    return {**base, **edit}


@dataclass(frozen=True)
class Kind:
    """A kind of task. Its name is the default of the `kind` field of `task`.

    `task` holds the fields of an entry and the schema of the arguments. `runner` is "module:function", imported when
    the first task of the kind runs: `run(task, arguments, resources)` returns a flat, JSON-able dict (see
    `tasks/runners.py`). `skill` names the folder in `skills/` that tells agents how to use such tools. `new_entry`
    turns the `options` of `tasks add` into the keys of an entry. `extend(base, edit)` lays the keys of an entry that
    extends another over the keys of that one; it raises ValidationError, or ExtensionError with the place in `edit`.
    """

    task: type[Task]
    runner: str
    new_entry: Callable[[Mapping[str, Any]], dict[str, Any]]
    options: tuple[Option, ...] = ()
    skill: str = ""
    extend: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]] = replace_keys

    @property
    def name(self) -> str:
        """The value of `kind` in an entry."""
        return str(self.task.model_fields["kind"].default)
