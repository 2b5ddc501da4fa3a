"""`tasks`: show, check and add entries of `instructions.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.corrections import corrections
from openclaw_instructor.cli.output import json_option, print_json, print_line, print_table, say
from openclaw_instructor.cli.tasks_measure import evaluate, tune
from openclaw_instructor.errors import InvalidArguments, InvalidRegistry
from openclaw_instructor.registry.kinds import kinds
from openclaw_instructor.text import printable


@click.group()
def tasks() -> None:
    """List, show, check, add and change tasks.

    A task is an entry of `instructions.yaml` and becomes one agent tool of the same name.
    """


@tasks.command("list")
@json_option
@click.pass_obj
def list_tasks(connection: Connection, as_json: bool) -> None:
    """List the tasks that are in force."""
    registry = connection.registry()
    rows = [{"name": t.name, "kind": t.kind, "description": t.description} for t in registry.tasks.values()]
    if as_json:
        print_json({"tasks": rows, "sources": [str(path) for path in registry.sources], "problem": registry.problem})
        return
    print_table(("task", "kind", "description"), [tuple(row.values()) for row in rows])
    _warn(registry.problem)


@tasks.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(connection: Connection, name: str, as_json: bool) -> None:
    """Show one task: its entry and, as comments, the arguments it takes.

    What is printed is a file of its own: it can be saved as instructions.yaml, or pasted into one.
    """
    registry = connection.registry()
    task = registry.get(name)
    result = {"name": name, "entry": task.entry(), "parameters": task.parameters()}
    if as_json:
        print_json(result)
        return
    click.echo(_yaml({"version": 1, "tasks": {name: task.entry()}}), nl=False)
    arguments = _yaml({"arguments": task.parameters()["properties"]})
    click.echo("".join(f"# {line}" for line in arguments.splitlines(keepends=True)), nl=False)
    _warn(registry.problem)


@tasks.command()
@click.argument("name")
@click.argument("new_name", required=False)
@json_option
@click.pass_obj
def copy(connection: Connection, name: str, new_name: str | None, as_json: bool) -> None:
    """Copy a task's whole entry into your own instructions.yaml, as NEW_NAME if given, to edit it there.

    To add a few labels or examples to a packaged task, `extends: packaged` or `tasks example` is less to keep up.
    """
    from openclaw_instructor.registry.new_entry import write_entry

    registry, path = connection.registry(), connection.settings().instructions_path
    target = new_name or name
    entry = registry.get(name).entry()
    if new_name in registry.tasks:
        raise InvalidArguments(f"there is a task `{new_name}` already; choose another name")
    write_entry(path, target, entry)
    if as_json:
        print_json({"name": target, "file": str(path), "entry": entry})
    else:
        say(f"copied {name} to {path} as {target}; edit it there, then: openclaw-instructor tasks check")


@tasks.command()
@click.argument("name", metavar="TASK")
@click.argument("label")
@click.argument("text")
@json_option
@click.pass_obj
def example(connection: Connection, name: str, label: str, text: str, as_json: bool) -> None:
    """Add TEXT as an example of LABEL to a classify task, in your own instructions.yaml.

    A packaged task gets an entry there that extends it. Comments and other entries stay as they are.
    """
    from openclaw_instructor.registry.examples import write_example

    path = connection.settings().instructions_path
    write_example(path, connection.registry(), name, label, text)
    if as_json:
        print_json({"task": name, "label": label, "file": str(path)})
    else:
        say(f"added an example of {label} to {name} in {path}")


@tasks.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def check(connection: Connection, file: Path | None, as_json: bool) -> int:
    """Check FILE, by default your own instructions.yaml, and print every problem with its line.

    Exit status 2 when there is a problem.
    """
    from openclaw_instructor.registry import check as problems_of

    path = file or connection.settings().instructions_path
    if file is not None and not file.exists():
        raise InvalidArguments(f"{file}: there is no such file; give the path of an instructions.yaml")
    problems = problems_of(path) if path.exists() else []
    if as_json:
        print_json({"file": str(path), "problems": [problem.as_dict() for problem in problems]})
        return 2 if problems else 0
    for problem in problems:
        print_line(str(problem))
    say(f"{path}: {_verdict(path, len(problems))}")
    if not problems and file is None and path.exists():
        _say_without_collection(connection)
    return 2 if problems else 0


def _options_of_kinds(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that the kinds declare for a new task, each once."""
    declared = {option.flag: option for kind in kinds().values() for option in kind.options}
    for option in reversed(declared.values()):
        command = click.option(
            option.flag, metavar=option.metavar, type=option.type, multiple=option.multiple, help=option.help
        )(command)
    return command


@tasks.command()
@click.argument("name")
@click.option("--kind", metavar="KIND", required=True, help=f"What the task does: {', '.join(kinds())}.")
@click.option("--description", required=True, help="When an agent should use the tool; at most 300 characters.")
@_options_of_kinds
@json_option
@click.pass_obj
def add(connection: Connection, /, name: str, kind: str, description: str, as_json: bool, **options: Any) -> None:
    """Add a task to your own instructions.yaml.

    Comments and other entries stay as they are. The new tool is there at once.
    """
    from openclaw_instructor.registry.new_entry import build_entry, write_entry

    known = kinds().get(kind)
    if known is None:
        raise InvalidArguments(f"there is no kind `{kind}`; use one of {', '.join(kinds())}")
    path = connection.settings().instructions_path
    registry = connection.registry()
    if registry.problem:
        raise InvalidRegistry(f"nothing was added, because {registry.problem}")
    if name in registry.tasks:
        raise InvalidArguments(f"there is a task `{name}` already; choose another name, or write its entry in {path}")
    entry = build_entry(known, description, options)
    write_entry(path, name, entry)
    if as_json:
        print_json({"name": name, "file": str(path), "entry": entry})
    else:
        say(f"added {name} to {path}; try: openclaw-instructor tasks show {name}")
        _say_without_collection(connection, name)


tasks.add_command(corrections)
tasks.add_command(evaluate)
tasks.add_command(tune)


def _yaml(value: Any) -> str:
    import yaml

    return printable(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110))


def _verdict(path: Path, problems: int) -> str:
    if not path.exists():
        return "not there, so the packaged tasks are in force"
    return "no problems" if not problems else f"{problems} problem{'s' if problems > 1 else ''}"


def _say_without_collection(connection: Connection, name: str = "") -> None:
    """Say which task in force, or whether `name`, searches what is not indexed yet."""
    from openclaw_instructor.index.names import without_collection

    for task, wanted in without_collection(connection.registry().tasks.values(), connection.settings()):
        if name in ("", task):
            say(
                f"note: {task} searches the collection `{wanted}`, which does not exist yet: "
                f"openclaw-instructor index add {wanted} FOLDER"
            )


def _warn(problem: str | None) -> None:
    if problem:
        say(f"warning: {problem}")
