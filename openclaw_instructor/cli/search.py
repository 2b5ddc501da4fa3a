"""`search`: find passages of the indexed documents."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import given, json_option, plain, print_json, say
from openclaw_instructor.paths import expanded
from openclaw_instructor.text import one_line


class _Search(click.Command):
    """Says how to search for what looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does. Raises click.UsageError, which names `--` for an unknown option."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            words = shlex.quote(next((a for a in args if a.startswith(error.option_name)), error.option_name))
            raise click.UsageError(
                f"{error.format_message().rstrip('.')}; to search for it: openclaw-instructor search -- {words}", ctx
            ) from None


@click.command(cls=_Search)
@click.argument("query")
@click.option("--task", default="search_docs", show_default=True, help="Task of kind search to run.")
@click.option(
    "--collection",
    "collections",
    multiple=True,
    help="Collection to search instead of the task's own, or `*`; repeat it.",
)
@click.option("--top-k", type=click.IntRange(1), help="Most passages to print.")
@click.option("--path", help="Only this file or folder, or files whose path matches this glob, such as 'docs/*.md'.")
@click.option("--after", metavar="DATE", help="Only documents of this date or later: 2026-01-31, 7d, yesterday.")
@click.option("--before", metavar="DATE", help="Only documents of an earlier date than this.")
@click.option("--type", metavar="TYPES", help="Only files of these types, such as pdf or docx,odt.")
@click.option("--where", multiple=True, metavar="FIELD=VALUE", help="Only documents with this field; repeat it.")
@click.option("--mode", type=click.Choice(["hybrid", "vector", "keyword"]), help="By meaning, exact words, or both.")
@json_option
@click.pass_obj
def search(
    connection: Connection,
    /,
    query: str,
    task: str,
    collections: tuple[str, ...],
    path: str | None,
    where: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Search the indexed documents by meaning.

    Prints file and lines, heading and a snippet of each passage, best first.
    """
    narrowed = {
        "collection": ",".join(collections) or None,
        "path": path and seen_from_here(path),
        "where": _fields(where) or None,
    }
    with connection.open() as tools:
        result = tools.run(task, {"query": query, **given(options | narrowed)})
    if as_json:
        print_json(result)
    else:
        print_hits(result)


def seen_from_here(path: str) -> str:
    """Write a path that begins at the working directory or a home as an absolute one: a daemon has others."""
    if path.startswith(("./", "../", "~")) or path in (".", ".."):
        place = expanded(path)
        # Links are followed as the index follows them.
        return str(place.resolve()) if place.exists() else path if path.startswith("./") else str(place.absolute())
    return path


def _fields(pairs: Sequence[str]) -> dict[str, str]:
    fields = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark:
            raise click.UsageError(f"--where {pair[:60]!r} has no `=`; write it like --where author=Ann")
        fields[name] = value
    return fields


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
        for place in hit.get("also_in", []):
            click.echo(click.style(f"   also in {one_line(shorten(place))}", dim=True))
    for note in result.get("notes", []):
        say(f"note: {note}")


def shorten(file: str) -> str:
    """Shorten a path as people would write it here: relative below the working directory."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
