"""`search`: find passages of the indexed documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import given, json_option, plain, print_json, say
from openclaw_instructor.text import one_line


@click.command()
@click.argument("query")
@click.option("--task", default="search_docs", show_default=True, help="Task of kind search to run.")
@click.option("--collection", help="Collection to search instead of the task's own.")
@click.option("--top-k", type=click.IntRange(1), help="Most passages to print.")
@click.option("--path", help="Only files whose path matches this glob, such as 'docs/*.md'.")
@click.option("--after", metavar="DATE", help="Only documents changed on or after this ISO date.")
@click.option("--before", metavar="DATE", help="Only documents changed before this ISO date.")
@click.option("--mode", type=click.Choice(["hybrid", "vector", "keyword"]), help="By meaning, exact words, or both.")
@json_option
@click.pass_obj
def search(connection: Connection, /, query: str, task: str, as_json: bool, **options: Any) -> None:
    """Search the indexed documents by meaning.

    Prints file and lines, heading and a snippet of each passage, best first.
    """
    with connection.open() as tools:
        result = tools.run(task, {"query": query, **given(options)})
    if as_json:
        print_json(result)
    else:
        print_hits(result)


def print_hits(result: dict[str, Any]) -> None:
    """Print search hits for people: one block a passage, the notes on standard error."""
    for hit in result["hits"]:
        if hit["rank"] > 1:
            click.echo()
        where = f":{hit['lines']}" if "lines" in hit else f" ({hit['location']})"
        place = click.style(one_line(shorten(hit["file"]) + where), fg="cyan")
        heading = click.style(one_line(hit.get("heading") or hit.get("title") or ""), bold=True)
        click.echo(f"{hit['rank']}. {place}  {heading}  ({hit['score']:.3f})")
        for text in (hit.get("context", ""), hit["snippet"]):
            click.echo("".join(f"   {line}".rstrip() + "\n" for line in plain(text).strip().splitlines()), nl=False)
    for note in result.get("notes", []):
        say(f"note: {note}")


def shorten(file: str) -> str:
    """Shorten a path as people would write it here: relative below the working directory."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
