"""`index files`, `inspect` and `compact`: every file with its state, why one was not found, and room given back."""

from __future__ import annotations

from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_line, print_table, say
from openclaw_instructor.cli.search import explained, search_arguments, search_options, seen_from_here, shorten
from openclaw_instructor.text import one_line

# A question that is answered with no: neither a mistake of the user's nor one of ours.
NO = 3
_STATES = ("indexed", "empty", "new", "changed", "gone", "unreadable", "left out")


@click.command()
@click.argument("name", required=False)
@click.option("--path", help="Only this file or folder, or files whose path matches this glob.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_STATES), help="Only files in this state; repeat it."
)
@click.option("--check", is_flag=True, help=f"Exit with status {NO} unless every file is indexed, and there is one.")
@json_option
@click.pass_obj
def files(
    connection: Connection, name: str | None, path: str | None, states: tuple[str, ...], check: bool, as_json: bool
) -> int:
    """List every file of the collection NAME, or of all, with its state, passages and reason.

    new, changed and gone wait for a sync; unreadable and left out say why.
    """
    with connection.open() as tools:
        found = tools.index_files(name, path and seen_from_here(path))
    shown = [entry for entry in found if not states or entry["state"] in states]
    if as_json:
        print_json({"files": shown})
    elif shown:
        print_table(("file", "state", "passages", "reason"), [_row(entry) for entry in shown])
    else:
        say("no such files")
    complete = bool(shown) and all(entry["state"] in ("indexed", "empty") for entry in shown)
    return NO if check and not complete else 0


def _row(entry: dict[str, Any]) -> tuple[object, ...]:
    return one_line(shorten(entry["file"])), entry["state"], entry["passages"], one_line(entry["reason"])


@click.command()
@click.argument("query")
@click.option("--expect", required=True, metavar="FILE", help="The file that should be found.")
@search_options
@json_option
@click.pass_obj
def inspect(connection: Connection, /, query: str, expect: str, task: str, as_json: bool, **options: Any) -> int:
    """Search for QUERY and say at which stage the file that should be found was lost.

    The exit status is 0 if it is among the hits, else 3.
    """
    with connection.open() as tools:
        result = tools.index_inspect(task, search_arguments(query, **options), seen_from_here(expect))
    if as_json:
        print_json(result)
    else:
        _print_inspected(result)
    return 0 if result["found"] else NO


def _print_inspected(result: dict[str, Any]) -> None:
    place = f", {result['location']}" if "location" in result else ""
    rank = f" as hit {result['rank']}" if result["found"] else ""
    reason = f": {one_line(result['reason'])}" if result["reason"] else ""
    print_line(f"{one_line(shorten(result['file']))}{place}: {result['stage']}{rank}{reason}")
    if "explain" in result:
        print_line(explained(result["explain"]))
    for note in result["result"]["notes"]:
        say(f"note: {note}")


@click.command()
@json_option
@click.pass_obj
def compact(connection: Connection, as_json: bool) -> None:
    """Give the room of deleted files and collections back to the disk.

    Needs as much free room as the index takes, for a moment.
    """
    with connection.open() as tools:
        result = tools.index_compact()
    if as_json:
        print_json(result)
        return
    say(f"freed {size(result['freed'])}: the index takes {size(result['after'])}, before {size(result['before'])}")
    for note in result["notes"]:
        say(f"note: {note}")


def size(count: int) -> str:
    """Write a number of bytes in megabytes, or a small one in kilobytes."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
