"""Parse the command line, call the service, print the result.

Standard output carries data, standard error is for people. Exit status 2 is a mistake of the user's, 1 is ours.
A command's module is imported when that command runs, so `--help` costs neither torch nor numpy.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from openclaw_instructor import __version__

PROGRAM = "openclaw-instructor"
# By default Python looks for garbage after every 700 objects: a sixth of a start, which makes objects to keep.
_OBJECTS_UNTIL_COLLECTION = 50_000

# name -> (module:attribute, one line of help)
COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("demo:demo", "Show the three agent tools on this project's own docs and sample e-mail."),
    "search": ("search:search", "Search the indexed documents by meaning."),
    "classify": ("classify:classify", "Sort one e-mail or text into the labels of a task."),
    "match": ("match:match", "Rank candidate texts by how close in meaning they are to a query."),
    "cluster": ("cluster:cluster", "Sort texts into groups by topic, and draw them."),
    "dedupe": ("dedupe:dedupe", "Find texts that say nearly the same."),
    "run": ("run:run", "Run any task with its arguments as JSON."),
    "embed": ("embed:embed", "Embed texts and print their vectors."),
    "index": ("index:index", "Add, sync, inspect and remove collections of documents."),
    "tasks": ("tasks:tasks", "List, show, check, add and change tasks."),
    "studio": ("studio:studio", "Look at your documents, tasks and inbox in a browser."),
    "model": ("model:model", "List, inspect, choose and download checkpoints."),
    "daemon": ("daemon:daemon", "Start, inspect and stop the shared background process."),
    "mcp": ("mcp:mcp", "Serve the tasks as MCP tools over standard input and output."),
    "openclaw": ("openclaw:openclaw", "Install the tools into OpenClaw and keep them in step."),
    "hosts": ("hosts:hosts", "Offer the tools to Claude Code, Codex, Cursor, VS Code or Gemini CLI."),
    "train": ("train:train", "Train or fine-tune a checkpoint."),
    "evaluate": ("evaluate:evaluate", "Measure a checkpoint on benchmarks."),
    "doctor": ("doctor:doctor", "Check the installation and say how to fix what is wrong."),
}


class LazyGroup(click.Group):
    """A group that imports the module of a command only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name.

        Raises click.UsageError with the closest name for an unknown one.
        """
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            close = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean `{close[0]}`?" if close else "see `openclaw-instructor --help`"
            raise click.UsageError(f"no such command: `{args[0]}`; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option(
    "--home",
    type=click.Path(file_okay=False),
    help="Folder of the configuration, the index and the tasks. [default: $OPENCLAW_INSTRUCTOR_HOME, else user data]",
)
@click.option("--in-process", is_flag=True, help="Do the work in this process even when a daemon is running.")
@click.version_option(__version__, prog_name=PROGRAM)
@click.pass_context
def cli(ctx: click.Context, home: str | None, in_process: bool) -> None:
    """Agent tools on one instruction-steered embedding model: search documents, sort e-mail, match texts."""
    from openclaw_instructor.cli.connection import Connection
    from openclaw_instructor.cli.output import home_given

    home_given.set(home)
    ctx.obj = Connection(home=home, in_process=in_process)


def main(args: Sequence[str] | None = None) -> None:
    """Entry point of the `openclaw-instructor` program; ends the process with the command's exit status."""
    arguments = list(sys.argv[1:] if args is None else args)
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTION, *gc.get_threshold()[1:])
    from openclaw_instructor.cli.output import report, write_what_can_be
    from openclaw_instructor.errors import InstructorError
    from openclaw_instructor.model.thread_settings import keep_numpy_on_one_thread

    keep_numpy_on_one_thread()
    write_what_can_be()
    try:
        result: Any = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except (InstructorError, click.ClickException) as error:
        return report(error, as_json="--json" in arguments)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader of the pipe has ended (`| head`); keep the interpreter from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("OPENCLAW_INSTRUCTOR_DEBUG"):
            raise
        return report(error, as_json="--json" in arguments)
