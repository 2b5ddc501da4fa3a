"""`run`: run any task, with its arguments as one JSON object."""

from __future__ import annotations

import json
from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_result, read_source
from openclaw_instructor.errors import InvalidArguments


@click.command()
@click.argument("task")
@click.argument("arguments", default="{}")
@json_option
@click.pass_obj
def run(connection: Connection, task: str, arguments: str, as_json: bool) -> None:
    """Run any task with its arguments as JSON.

    ARGUMENTS is a JSON object such as '{"query": "refunds"}', @FILE to read it from a file, or - for standard input.
    `tasks show TASK` prints what a task takes.
    """
    parsed = parse_arguments(arguments)
    with connection.open() as tools:
        result = tools.run(task, parsed)
    if as_json:
        print_json(result)
    else:
        print_result(result)


def parse_arguments(text: str) -> dict[str, Any]:
    """Parse the JSON object given as text, `@FILE` or `-`. Raises InvalidArguments, UnreadableSource."""
    if text == "-" or text.startswith("@"):
        text = read_source(text.removeprefix("@"))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidArguments(
            f"the arguments are not valid JSON (line {error.lineno}, column {error.colno}: {error.msg}); "
            """write them like '{"query": "refunds"}'"""
        ) from None
    if not isinstance(value, dict):
        raise InvalidArguments(f"the arguments must be a JSON object such as {{...}}, not {type(value).__name__}")
    return value
