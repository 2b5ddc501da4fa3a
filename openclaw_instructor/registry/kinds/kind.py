"""What makes a kind of task: its entry, the code that runs it, its skill, and the options of `tasks add`."""

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


@dataclass(frozen=True)
class Kind:
    """A kind of task. Its name is the default of the `kind` field of `task`.

    `task` holds the fields of an entry and the schema of the arguments. `runner` is "module:function", imported when
    the first task of the kind runs: `run(task, arguments, resources)` returns a flat, JSON-able dict (see
    `tasks/runners.py`). `skill` names the folder in `skills/` that tells agents how to use such tools. `new_entry`
    turns the `options` of `tasks add` into the keys of an entry.
    """

    task: type[Task]
    runner: str
    new_entry: Callable[[Mapping[str, Any]], dict[str, Any]]
    options: tuple[Option, ...] = ()
    skill: str = ""

    @property
    def name(self) -> str:
        """What an entry says under `kind`."""
        return str(self.task.model_fields["kind"].default)
