"""The option `--report`: what a command measured, also as a page or a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from openclaw_instructor.cli.output import say

if TYPE_CHECKING:
    from openclaw_instructor.reports.page import Page

Command = TypeVar("Command", bound=Callable[..., Any])


def report_option(*older_names: str) -> Callable[[Command], Command]:
    """Add `--report FILE`, which is checked before the command begins its work."""
    return click.option(
        "--report",
        *older_names,
        "report",
        metavar="FILE",
        callback=_checked,
        help="Also write a report: .html is a page that needs nothing else, .png a picture (extra: plot).",
    )


def write_report(path: Path | None, page: Callable[[], Page]) -> None:
    """Write the report where one was asked for, and say so. Raises UnreadableSource."""
    if path is None:
        return
    from openclaw_instructor.reports import file

    notes = file.write(page(), path)
    say(f"wrote {path}")
    for note in notes:
        say(f"note: {note}")


def _checked(context: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
    if value is None:
        return None
    from openclaw_instructor.reports import file

    return file.checked(value)
