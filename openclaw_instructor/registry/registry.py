"""Hold the tasks in force: the packaged ones, overlaid by the user's, reloaded on edits unless they are broken."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from openclaw_instructor.errors import InvalidRegistry, UnknownInstruction, UnknownTask
from openclaw_instructor.registry import entries
from openclaw_instructor.registry.source import Problem, suggest
from openclaw_instructor.registry.task import Task, render
from openclaw_instructor.registry.tool_spec import ToolSpec
from openclaw_instructor.settings import Settings

_Stamp = tuple[int, int, int] | None


def packaged_path() -> Path:
    """Return the packaged `instructions.yaml`: inside an installed package, at the root of a source tree."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "instructions.yaml"
    return installed if installed.is_file() else package.parent / "instructions.yaml"


@dataclass(frozen=True)
class _State:
    tasks: Mapping[str, Task]
    embeddings: Mapping[str, str | dict[str, str]]
    hidden: frozenset[str]

    @cached_property
    def digest(self) -> str:
        # Imported late: loading OpenSSL takes a tenth of the start-up of `--help`.
        import hashlib

        tasks = [task.model_dump(mode="json") for task in self.tasks.values()]
        content = json.dumps([tasks, list(self.embeddings.items())], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


class Registry:
    """The tasks that are in force. Thread-safe; `refresh()` before use follows edits of the files."""

    def __init__(self, packaged: Path, overlay: Path) -> None:
        self.sources: tuple[Path, ...] = (packaged, overlay)
        self.problem: str | None = None
        self._lock = threading.Lock()
        self._stamps = tuple(_stamp(path) for path in self.sources)
        base, broken = self._read_packaged()
        if broken:
            raise InvalidRegistry(f"the packaged registry is broken: {broken[0]}; reinstall openclaw-instructor")
        user, problems = entries.load(overlay, base) if self._stamps[1] is not None else (entries.Entries(), [])
        self._state = _merge(base, user)
        self.problem = str(problems[0]) if problems else None

    @classmethod
    def load(cls, settings: Settings) -> Registry:
        """Read both files. A broken overlay keeps its valid entries and sets `problem`.

        Raises InvalidRegistry only when the packaged file itself is broken.
        """
        return cls(packaged_path(), settings.instructions_path)

    @property
    def tasks(self) -> Mapping[str, Task]:
        """Enabled tasks by name: the packaged ones in file order, then the user's own."""
        return self._state.tasks

    def tool_specs(self) -> list[ToolSpec]:
        """Describe the enabled tasks as tools, in their order."""
        return [task.tool_spec() for task in self._state.tasks.values()]

    @property
    def embeddings(self) -> Mapping[str, str]:
        """Named instructions of the embeddings endpoint, as rendered for a checkpoint without an entry of its own."""
        return {name: render(text) for name, text in self._state.embeddings.items()}

    @property
    def digest(self) -> str:
        """A hash that changes exactly when the tasks in force or the embeddings change."""
        return self._state.digest

    def get(self, name: str) -> Task:
        """Return the task of that name; raises UnknownTask with a suggestion."""
        tasks = self._state.tasks
        if name in self._state.hidden:
            raise UnknownTask(
                f"the task `{name}` is hidden; to show it, write `{name}: {{enabled: true}}` under `tasks:` in "
                f"{self.sources[1]}"
            )
        if name not in tasks:
            broken = f", where something is wrong: {self.problem}" if self.problem else ""
            raise UnknownTask(
                f"no task `{name[:60]}`; {suggest(name, tasks)} (yours are defined in {self.sources[1]}{broken})"
            )
        return tasks[name]

    def embedding_instruction(self, input_type: str, checkpoint: str = "") -> str:
        """Return the rendered instruction that `input_type` names.

        That is a key of `embeddings`, `task.role`, a task that has one instruction, or an instruction written out (it
        holds a space); "" means none. Raises UnknownInstruction.
        """
        state = self._state
        wanted = input_type.strip()
        if not wanted:
            return ""
        if wanted in state.embeddings:
            return render(state.embeddings[wanted], checkpoint)
        known = {
            (name if task.roles == ("text",) else f"{name}.{role}"): (task, role)
            for name, task in state.tasks.items()
            for role in task.roles
        }
        task_role = known.get(wanted) or known.get(wanted.removesuffix(".text"))
        if task_role:
            return task_role[0].instruction(task_role[1], checkpoint)
        if any(character.isspace() for character in wanted):
            return render(wanted)
        names = [*state.embeddings, *known]
        raise UnknownInstruction(
            f"no instruction `{wanted[:60]}`; {suggest(wanted, names)} Or write an instruction out, such as "
            '"Represent the sentence for clustering:"'
        )

    def refresh(self) -> bool:
        """Reload when a file has changed; returns whether the tasks in force changed.

        A broken edit changes nothing but `problem`.
        """
        stamps = tuple(_stamp(path) for path in self.sources)
        if stamps == self._stamps:
            return False
        with self._lock:
            if stamps == self._stamps:
                return False
            try:
                return self._reload(is_overlaid=stamps[1] is not None)
            finally:
                # Not before: a caller who sees these stamps takes the tasks without waiting.
                self._stamps = stamps

    def _reload(self, *, is_overlaid: bool) -> bool:
        base, problems = self._read_packaged()
        user = entries.Entries()
        if not problems and is_overlaid:
            user, problems = entries.load(self.sources[1], base)
        self.problem = str(problems[0]) if problems else None
        if problems:
            return False
        before, self._state = self._state, _merge(base, user)
        return before.digest != self._state.digest

    def _read_packaged(self) -> tuple[entries.Entries, list[Problem]]:
        return entries.load(self.sources[0], None)


def check(path: Path) -> list[Problem]:
    """List the problems of a registry file as an overlay of the packaged one; empty if it is valid."""
    base, problems = entries.load(packaged_path(), None)
    return problems if path.resolve() == packaged_path() else entries.load(path, base)[1]


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        # It exists but cannot be reached; reading it gives the reason.
        return 0, 0, 0
    return status.st_mtime_ns, status.st_size, status.st_ino


def _merge(base: entries.Entries, user: entries.Entries) -> _State:
    defined = {**base.tasks, **user.tasks}
    tasks = {name: task for name, task in defined.items() if task.enabled and name not in user.hidden}
    embeddings = {**base.embeddings, **user.embeddings}
    return _State(MappingProxyType(tasks), MappingProxyType(embeddings), frozenset(defined.keys() - tasks.keys()))
