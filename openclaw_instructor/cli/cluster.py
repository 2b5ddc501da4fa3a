"""`cluster`: sort texts into groups by topic, and draw them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import given, json_option, plain, print_json, print_table, read_lines, say


@click.command()
@click.argument("texts", nargs=-1)
@click.option("--file", metavar="FILE", help="Read texts from a file, one a line, or - for standard input.")
@click.option("--task", default="cluster_texts", show_default=True, help="Task of kind cluster to run.")
@click.option("--k", type=click.IntRange(1), help="How many clusters. [default: found]")
@click.option("--members", type=click.IntRange(0), help="Most members to list of each cluster.")
@click.option(
    "--plot", "picture", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Draw them as a PNG."
)
@json_option
@click.pass_obj
def cluster(
    connection: Connection,
    /,
    texts: tuple[str, ...],
    file: str | None,
    task: str,
    picture: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Sort texts into groups by topic, each named by its telling words and its most typical text."""
    lines = [*texts, *(read_lines(file) if file is not None else [])]
    more = {"points": True} if picture is not None else {}
    with connection.open() as tools:
        result = tools.run(task, {"texts": lines, **given(options), **more})
    if picture is not None:
        from openclaw_instructor.tasks.cluster import plot

        plot(result, picture)
        say(f"drew {picture}")
    if as_json:
        print_json(result)
        return
    rows = [
        (each["cluster"], each["size"], plain(", ".join(each["words"])), plain(each["medoid"]["text"]))
        for each in result["clusters"]
    ]
    if rows:
        print_table(("cluster", "size", "words", "typical"), rows)
    for note in result["notes"]:
        say(f"note: {note}")
