"""`search`: find passages of the indexed documents."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

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


_Command = TypeVar("_Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--task", default="search_docs", show_default=True, help="Task of kind search to run."),
    click.option(
        "--collection",
        "collections",
        multiple=True,
        help="Collection to search instead of the task's own; `*`: all.",
    ),
    click.option("--top-k", type=click.IntRange(1), help="Most passages to print."),
    click.option(
        "--path", help="Only this file or folder, or files whose path matches this glob, such as 'docs/*.md'."
    ),
    click.option("--after", metavar="DATE", help="Only documents of this date or later: 2026-01-31, 7d, yesterday."),
    click.option("--before", metavar="DATE", help="Only documents of an earlier date than this."),
    click.option("--type", metavar="TYPES", help="Only files of these types, such as pdf or docx,odt."),
    click.option("--where", multiple=True, metavar="FIELD=VALUE", help="Only documents with this field; repeat it."),
    click.option(
        "--mode", type=click.Choice(["hybrid", "vector", "keyword"]), help="By meaning, exact words, or both."
    ),
    click.option("--diversity", type=click.FloatRange(0, 1), help="Above 0: prefer passages that differ (MMR)."),
)


def search_options(command: _Command) -> _Command:
    """Give a command the options of a search."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def search_arguments(
    query: str, collections: Sequence[str], path: str | None, where: Sequence[str], **options: Any
) -> dict[str, Any]:
    """Build the arguments of a search task from the options of a command."""
    narrowed = {
        "collection": ",".join(collections) or None,
        "path": path and seen_from_here(path),
        "where": _fields(where) or None,
    }
    return {"query": query, **given(options | narrowed)}


@click.command(cls=_Search)
@click.argument("query")
@search_options
@click.option("--explain", is_flag=True, help="Say how each passage was ranked, and why others were left out.")
@json_option
@click.pass_obj
def search(connection: Connection, /, query: str, task: str, explain: bool, as_json: bool, **options: Any) -> None:
    """Search the indexed documents by meaning.

    Prints file and lines, heading and a snippet of each passage, best first.
    """
    arguments = search_arguments(query, **options) | ({"explain": True} if explain else {})
    with connection.open() as tools:
        result = tools.run(task, arguments)
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
        if "explain" in hit:
            click.echo(click.style(f"   {explained(hit['explain'])}", dim=True))
    _print_left_out(result.get("explained", {}))
    for note in result.get("notes", []):
        say(f"note: {note}")


def shorten(file: str) -> str:
    """Shorten a path as people would write it here: relative below the working directory."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def explained(ranks: Mapping[str, Any]) -> str:
    """Write the ranks and scores of a passage in one line."""
    sides = []
    for side, ranked in ranks.items():
        if ranked is None:
            sides.append(f"{side}: not found")
        else:
            scores = ", ".join(f"{name} {value:.3f}" for name, value in ranked.items() if name != "rank")
            sides.append(f"{side}: {ranked['rank']}. ({scores})")
    return "; ".join(sides)


def _print_left_out(whole: Mapping[str, Any]) -> None:
    if not whole:
        return
    weights = ", ".join(f"{side} {share:.2f}" for side, share in whole["weights"].items())
    counts = ", ".join(f"{side} {count:,}" for side, count in whole["candidates"].items())
    say(f"weights: {weights}; candidates: {counts}")
    for entry in whole["left_out"]:
        say(f"left out: {entry['rank']}. {one_line(shorten(entry['file']))}, {entry['location']}: {entry['reason']}")
