"""`match`: rank candidate texts by meaning."""

from __future__ import annotations

from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import given, json_option, plain, print_json, print_table, read_lines, say


@click.command()
@click.argument("query")
@click.argument("candidates", nargs=-1)
@click.option("--file", metavar="FILE", help="Read candidates from a file, one a line, or - for standard input.")
@click.option("--task", default="semantic_match", show_default=True, help="Task of kind match to run.")
@click.option("--top-k", type=click.IntRange(1), help="Most candidates to print.")
@click.option("--threshold", type=float, help="Leave out candidates that score less.")
@json_option
@click.pass_obj
def match(
    connection: Connection,
    /,
    query: str,
    candidates: tuple[str, ...],
    file: str | None,
    task: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Rank candidate texts by how close in meaning they are to a query."""
    texts = list(candidates)
    if file is not None:
        texts += read_lines(file)
    with connection.open() as tools:
        result = tools.run(task, {"query": query, "candidates": texts, **given(options)})
    if as_json:
        print_json(result)
    else:
        print_matches(result)


def print_matches(result: dict[str, Any]) -> None:
    """Print ranked candidates for people, the notes on standard error."""
    rows = [(match["rank"], f"{match['score']:.3f}", plain(match["text"])) for match in result["matches"]]
    if rows:
        print_table(("rank", "score", "text"), rows)
    for note in result.get("notes", []):
        say(f"note: {note}")
