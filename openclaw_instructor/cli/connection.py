"""Choose where a command gets its answers: from the running daemon, or from the library in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from openclaw_instructor.registry import Registry
    from openclaw_instructor.service import Toolbox
    from openclaw_instructor.settings import Settings

OnProgress = Callable[[int, int, str], None]


class Tools(Protocol):
    """What a command may ask for; every answer is the JSON object that the HTTP route would return."""

    def run(self, task: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run a task and return its result."""
        ...

    def embeddings(self, texts: Sequence[str], input_type: str = "") -> dict[str, Any]:
        """Embed texts and return the body of an OpenAI-compatible embeddings response."""
        ...

    def teach(self, task: str, label: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Teach a task the label of a message."""
        ...

    def add_rule(self, task: str, sender: str, label: str) -> dict[str, Any]:
        """Let all mail of an address or domain have one label."""
        ...

    def corrections_report(self, task: str | None = None) -> dict[str, Any]:
        """Return what was taught, and what it tells."""
        ...

    def undo_correction(self, number: int) -> dict[str, Any]:
        """Take a correction or rule back."""
        ...

    def index_add(
        self, name: str, folders: Sequence[Any], include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> None:
        """Add folders to a collection, with glob patterns of files to include and exclude."""
        ...

    def index_sync(
        self, name: str | None = None, on_progress: OnProgress | None = None, *, full: bool = False
    ) -> dict[str, Any]:
        """Bring a collection, or all of them, up to date with its files and return the report."""
        ...

    def index_status(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return the state of a collection, or of all of them."""
        ...

    def index_remove(self, name: str, folder: str | Path | None = None) -> None:
        """Remove a collection, or one folder of it, from the index; its files stay."""
        ...

    def index_files(self, name: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Return the files of a collection, or of all, with their states."""
        ...

    def index_compact(self) -> dict[str, Any]:
        """Give back the room of what was deleted from the index."""
        ...

    def index_verify(self, *, full: bool = False) -> dict[str, Any]:
        """Check the index and return its problems."""
        ...

    def index_repair(self, *, full: bool = False) -> dict[str, Any]:
        """Mend the index and return what was done."""
        ...

    def index_backup(self, file: str | Path) -> dict[str, Any]:
        """Copy the index to a file while it is in use."""
        ...

    def index_restore(self, file: str | Path) -> dict[str, Any]:
        """Put a backup in the place of the index."""
        ...

    def index_export(self, file: str | Path, names: Sequence[str] = ()) -> dict[str, Any]:
        """Export collections to a file for another home."""
        ...

    def index_import(
        self, file: str | Path, roots: Mapping[str, str] | None = None, *, replace: bool = False
    ) -> dict[str, Any]:
        """Import the collections of an export."""
        ...

    def index_inspect(self, task: str, arguments: Mapping[str, Any], expect: str) -> dict[str, Any]:
        """Search, and say at which stage a file was lost."""
        ...


@dataclass(frozen=True)
class Connection:
    """The global options of the command line; `click.pass_obj` hands it to every command."""

    home: str | None = None
    in_process: bool = False

    def settings(self) -> Settings:
        """Load the effective settings. Raises InvalidSettings."""
        from openclaw_instructor.settings import Settings

        return Settings.load(self.home)

    def registry(self) -> Registry:
        """Read the tasks in force from the files: this needs no model and no daemon."""
        from openclaw_instructor.registry import Registry

        return Registry.load(self.settings())

    @contextmanager
    def open(self) -> Iterator[Tools]:
        """Open the daemon of this home when one answers, else the library in this process.

        No command starts a daemon as a side effect: one call in this process costs no more than starting one.
        """
        from openclaw_instructor.daemon.client import Client

        client = None if self.in_process else Client.running(self.settings())
        if client is not None:
            with client:
                yield client
            return
        with self.library() as toolbox:
            yield Local(toolbox)

    @contextmanager
    def library(self) -> Iterator[Toolbox]:
        """Open the library in this process, also if a daemon runs."""
        from openclaw_instructor.daemon.endpoint import close_home_to_others
        from openclaw_instructor.service import Toolbox

        settings = self.settings()
        close_home_to_others(settings)
        with Toolbox(settings=settings) as toolbox:
            yield toolbox


class Local:
    """A Toolbox whose answers are plain JSON objects."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self.run = toolbox.run
        self.teach = partial(toolbox.teach, source="command line")
        self.add_rule = partial(toolbox.add_rule, source="command line")
        self.corrections_report = toolbox.corrections_report
        self.undo_correction = toolbox.undo_correction
        self.index_add = toolbox.index_add
        self.index_remove = toolbox.index_remove
        self.index_compact = toolbox.index_compact
        self.index_inspect = toolbox.index_inspect
        self.index_verify = toolbox.index_verify
        self.index_repair = toolbox.index_repair
        self.index_backup = toolbox.index_backup
        self.index_restore = toolbox.index_restore
        self.index_export = toolbox.index_export
        self.index_import = toolbox.index_import

    def embeddings(self, texts: Sequence[str], input_type: str = "") -> dict[str, Any]:
        """Embed texts and return the body of an OpenAI-compatible embeddings response."""
        from openclaw_instructor.daemon.embedding_body import embedding_body

        return embedding_body(self._toolbox.embed(texts, input_type), self._toolbox.engine.checkpoint_name)

    def index_sync(
        self, name: str | None = None, on_progress: OnProgress | None = None, *, full: bool = False
    ) -> dict[str, Any]:
        """Bring a collection, or all of them, up to date with its files and return the report as JSON types."""
        report: dict[str, Any] = self._toolbox.index_sync(name, on_progress, full=full).as_dict()
        return report

    def index_status(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return the state of a collection, or of all of them, as JSON types."""
        return [status.as_dict() for status in self._toolbox.index_status(name)]

    def index_files(self, name: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Return the files of a collection, or of all, with their states, as JSON types."""
        return [state.as_dict() for state in self._toolbox.index_files(name, path)]
