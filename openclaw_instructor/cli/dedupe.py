"""`dedupe`: find texts that say nearly the same."""

from __future__ import annotations

from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import given, json_option, plain, print_json, print_table, read_lines, say


@click.command()
@click.argument("texts", nargs=-1)
@click.option("--file", metavar="FILE", help="Read texts from a file, one a line, or - for standard input.")
@click.option("--task", default="find_duplicates", show_default=True, help="Task of kind dedupe to run.")
@click.option("--threshold", type=float, help="Lowest score of duplicates.")
@json_option
@click.pass_obj
def dedupe(
    connection: Connection,
    /,
    texts: tuple[str, ...],
    file: str | None,
    task: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Find groups of texts that say nearly the same; the first of each is the one to keep."""
    lines = [*texts, *(read_lines(file) if file is not None else [])]
    with connection.open() as tools:
        result = tools.run(task, {"texts": lines, **given(options)})
    if as_json:
        print_json(result)
        return
    rows = [
        (number, text["index"], f"{text.get('score', 1):.3f}", ", ".join(text.get("differs", [])), plain(text["text"]))
        for number, group in enumerate(result["groups"], 1)
        for text in (group["keep"], *group["duplicates"])
    ]
    if rows:
        print_table(("group", "index", "score", "differs", "text"), rows)
    say(f"{result['distinct']} distinct, {result['duplicates']} more say the same as another")
    for note in result["notes"]:
        say(f"note: {note}")
