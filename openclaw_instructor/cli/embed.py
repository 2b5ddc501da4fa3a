"""`embed`: print the vectors of texts."""

from __future__ import annotations

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, plain, print_json, print_table, read_source
from openclaw_instructor.errors import InvalidArguments


@click.command()
@click.argument("texts", nargs=-1)
@click.option("--file", metavar="FILE", help="Read texts from a file, one a line, or - for standard input.")
@click.option(
    "--input-type",
    default="",
    metavar="NAME",
    help="What the texts are: `query`, `passage`, a task such as `search_docs.query`, or a literal instruction.",
)
@json_option
@click.pass_obj
def embed(connection: Connection, texts: tuple[str, ...], file: str | None, input_type: str, as_json: bool) -> None:
    """Embed texts and print their vectors."""
    wanted = list(texts)
    if file is not None:
        wanted += [line for line in read_source(file).splitlines() if line.strip()]
    if not wanted:
        raise InvalidArguments("nothing to embed: give texts as arguments, or --file FILE")
    with connection.open() as tools:
        answer = tools.embeddings(wanted, input_type)
    if as_json:
        print_json(answer)
        return
    cut = set(answer["truncated"])
    rows = [
        ("yes" if entry["index"] in cut else "no", _preview(entry["embedding"]), plain(text))
        for entry, text in zip(answer["data"], wanted, strict=True)
    ]
    print_table(("truncated", "vector", "text"), rows)


def _preview(vector: list[float]) -> str:
    return " ".join(f"{value:+.3f}" for value in vector[:4]) + f" … ({len(vector)})"
