"""What every command prints: JSON or tables on standard output, words for people on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from openclaw_instructor.errors import InstructorError, UserError

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")

Progress = Callable[[int, int], None]


def print_json(value: Any) -> None:
    """Write `value` to standard output as one indented JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def say(message: str) -> None:
    """Write one line for people to standard error."""
    click.echo(message, err=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows as aligned columns; the last column wraps on a terminal and is never cut in a pipe."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, width=200)
    console.print(table)


@contextmanager
def progress(label: str) -> Iterator[Progress | None]:
    """Yield a `(done, total)` callback that draws a bar on standard error, or None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(line, completed=done, total=total)


def report(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong, once for people and with `as_json` once for programs; returns the exit status."""
    code, message, status = _describe(error)
    if as_json:
        print_json({"error": {"code": code, "message": message}})
    say(f"error: {message}")
    return status


def _describe(error: Exception) -> tuple[str, str, int]:
    if isinstance(error, InstructorError):
        return error.code, error.message, 2 if isinstance(error, UserError) else 1
    if isinstance(error, click.ClickException):
        return "invalid_arguments", _usage(error), 2
    message = f"unexpected {type(error).__name__}: {error}; set OPENCLAW_INSTRUCTOR_DEBUG=1 to see where, and report it"
    return "internal", message, 1


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{message}; see `{context.command_path} --help`" if context and "--help" not in message else message
