"""Where a command gets its answers: the running daemon, or the library in this process. Decided only here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_instructor.service import Toolbox
    from openclaw_instructor.settings import Settings


@dataclass(frozen=True)
class Door:
    """The global options of the command line; `click.pass_obj` hands it to every command."""

    home: str | None = None
    in_process: bool = False

    def settings(self) -> Settings:
        """The effective settings. Raises InvalidSettings."""
        from openclaw_instructor.settings import Settings

        return Settings.load(self.home)

    @contextmanager
    def open(self) -> Iterator[Toolbox]:
        """The library in this process; closed on exit."""
        from openclaw_instructor.service import Toolbox

        with Toolbox(settings=self.settings()) as toolbox:
            yield toolbox
