"""Print results as JSON or tables on standard output, and messages for people on standard error."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import click

from openclaw_instructor.errors import InstructorError, UnreadableSource
from openclaw_instructor.paths import expanded
from openclaw_instructor.text import escape_steering, one_line, printable
from openclaw_instructor.untrusted import error_message, sentence

PIPE_WIDTH = 110

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")

Progress = Callable[[int, int, str], None]


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given on the command line: neither None nor empty."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in options.items() if v is not None and v != ()}


def read_source(name: str) -> str:
    """Read a UTF-8 text from a file, or from standard input for `-`. Raises UnreadableSource."""
    try:
        return read_bytes(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableSource(f"{name}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def read_lines(name: str) -> list[str]:
    """Read the lines of a file, or of standard input for `-`, that are not empty. Raises UnreadableSource."""
    return [line.strip() for line in read_source(name).splitlines() if line.strip()]


def read_bytes(name: str) -> bytes:
    """Read a file, or standard input for `-`. Raises UnreadableSource."""
    try:
        return sys.stdin.buffer.read() if name == "-" else expanded(name).read_bytes()
    except OSError as error:
        raise UnreadableSource(
            f"{name}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from None


plain = printable


# The `--home` of this run, so that the commands which messages tell people to type are about the same home.
home_given: ContextVar[str | None] = ContextVar("home_given", default=None)
_ADVISED = re.compile(r"\bopenclaw-instructor (?=[a-z])")


def for_home(message: str) -> str:
    """Return a message with this run's `--home` in the commands that it tells people to type."""
    home = home_given.get()
    return _ADVISED.sub(lambda _: f"openclaw-instructor --home {shlex.quote(home)} ", message) if home else message


def write_what_can_be() -> None:
    """Have standard output and error replace what their encoding cannot write, such as an emoji in latin-1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def print_json(value: Any) -> None:
    """Write `value` to standard output as one indented JSON document, in escapes where the encoding lacks a sign."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    click.echo(escape_steering(text))


def say(message: str) -> None:
    """Write a message to standard error; its further lines are indented, so that none looks like a message."""
    click.echo(_indented(for_home(message)), err=True)


def say_asking_openclaw() -> None:
    """Tell people at a terminal why nothing happens for a while."""
    if sys.stderr.isatty():
        say("asking OpenClaw; each of its answers takes a second or more")


def print_line(text: str) -> None:
    """Write a line to standard output, without control characters."""
    click.echo(_indented(text))


def _indented(text: str) -> str:
    return re.sub(r"(?<=.)\n(?=.)", "\n  ", printable(text))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows as aligned columns within the terminal's width, about 110 in a pipe; no name is broken."""
    from openclaw_instructor.cli import table

    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if on_terminal else PIPE_WIDTH
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    click.echo("\n".join(table.lines(columns, cells, width, on_terminal=on_terminal)))


def print_result(result: Mapping[str, Any]) -> None:
    """Write the flat result of a task as `key  value` lines, nested values as JSON."""
    rows = [
        (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in result.items()
    ]
    print_table(("field", "value"), [(key, plain(value)) for key, value in rows])


@contextmanager
def progress(label: str) -> Iterator[Progress | None]:
    """Yield a `(done, total, message)` callback that draws a bar on a terminal's standard error; else None."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    text = TextColumn("{task.description}", table_column=Column(overflow="ellipsis", no_wrap=True, ratio=1))
    columns = (BarColumn(20), TaskProgressColumn(), TimeRemainingColumn(compact=True), text)
    with Bar(*columns, console=Console(stderr=True), transient=True, expand=True) as bar:
        line = bar.add_task(escape(one_line(label)), total=None)
        yield lambda done, total, message: bar.update(
            line, completed=done, total=total, description=escape(one_line(message))
        )


def report(error: Exception, *, as_json: bool) -> int:
    """Print an error for people, and with `as_json` also for programs; return the exit status."""
    code, message, status = _describe(error)
    if as_json:
        print_json({"error": {"code": code, "message": message}})
    say(f"error: {message}")
    return status


def _describe(error: Exception) -> tuple[str, str, int]:
    if isinstance(error, InstructorError):
        return error.code, error_message(error.message), error.exit_code
    if isinstance(error, click.ClickException):
        return "invalid_arguments", _usage(error), 2
    what = f"unexpected {type(error).__name__}: {sentence(str(error))}"
    return "internal", f"{what}; set OPENCLAW_INSTRUCTOR_DEBUG=1 to see where, and report it", 1


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    takes_text = context is not None and any(isinstance(known, click.Argument) for known in context.command.params)
    if isinstance(error, click.NoSuchOption) and takes_text:
        message = f"{message}; if it is a text, write `--` before it"
    return f"{message}; see `{context.command_path} --help`" if context and "--help" not in message else message
