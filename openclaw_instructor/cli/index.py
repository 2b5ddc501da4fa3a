"""`index`: manage collections of documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from openclaw_instructor.cli.connection import Connection, Local
from openclaw_instructor.cli.index_files import compact, files, inspect
from openclaw_instructor.cli.index_maintenance import backup, export, repair, restore, take, verify
from openclaw_instructor.cli.index_workers import synced_by_workers, workers_options
from openclaw_instructor.cli.output import for_home, json_option, print_json, print_line, print_table, progress, say
from openclaw_instructor.cli.report_file import report_option, write_report
from openclaw_instructor.paths import expanded
from openclaw_instructor.text import one_line


@click.group()
def index() -> None:
    """Add, sync, inspect and remove collections of documents.

    A collection is a named set of folders. The task search_docs searches the collection `docs`.
    """


@index.command()
@click.argument("name")
@click.argument("folders", nargs=-1, required=True, type=click.Path())
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="Take files that match too, as text; repeat it. `--include '!*'` before it: only files that match.",
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out files that match; repeat it.")
@click.option("--no-sync", is_flag=True, help="Only register the collection; index it later with `index sync`.")
@workers_options
@report_option()
@json_option
@click.pass_obj
def add(
    connection: Connection,
    name: str,
    folders: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    no_sync: bool,
    ray: str | None,
    encoders: int | None,
    report: Path | None,
    as_json: bool,
) -> int:
    """Register a collection of folders or files and index it."""
    # Absolute here, because a daemon has another working directory.
    paths = [expanded(folder).absolute() for folder in folders]
    with connection.open() as tools, progress(f"indexing {name}") as on_progress:
        tools.index_add(name, paths, list(include), list(exclude))
        if no_sync:
            status, synced = _show_status(tools.index_status(name), as_json), None
        else:
            with _kept(by_daemon=ray is None and not isinstance(tools, Local)):
                if ray is not None:
                    synced = synced_by_workers(connection, name, on_progress, ray, encoders)
                else:
                    synced = tools.index_sync(name, on_progress)
            status = _show_sync(synced, as_json)
    _report(connection, report, name, synced)
    return status


@index.command()
@click.argument("name", required=False)
@click.option("--full", is_flag=True, help="Read every file, also those whose size and times are as they were.")
@workers_options
@report_option()
@json_option
@click.pass_obj
def sync(
    connection: Connection,
    name: str | None,
    full: bool,
    ray: str | None,
    encoders: int | None,
    report: Path | None,
    as_json: bool,
) -> int:
    """Bring the collection NAME, or all of them, up to date with the files.

    Unchanged files cost nothing. A folder that is gone, empty or replaced loses nothing: it is named instead.
    """
    with progress("indexing") as on_progress:
        if ray is not None:
            with _kept(by_daemon=False):
                synced = synced_by_workers(connection, name, on_progress, ray, encoders, full=full)
        else:
            with connection.open() as tools, _kept(by_daemon=not isinstance(tools, Local)):
                synced = tools.index_sync(name, on_progress, full=full)
    status = _show_sync(synced, as_json)
    _report(connection, report, name, synced)
    return status


@index.command()
@click.argument("name", required=False)
@report_option()
@json_option
@click.pass_obj
def status(connection: Connection, name: str | None, report: Path | None, as_json: bool) -> int:
    """Show what is indexed and whether it is up to date."""
    with connection.open() as tools:
        shown = _show_status(tools.index_status(name), as_json)
    _report(connection, report, name)
    return shown


@index.command()
@click.argument("name")
@click.argument("folder", required=False, type=click.Path())
@json_option
@click.pass_obj
def remove(connection: Connection, name: str, folder: str | None, as_json: bool) -> None:
    """Forget the collection NAME, or only its FOLDER; the files themselves stay."""
    with connection.open() as tools:
        tools.index_remove(name, None if folder is None else expanded(folder).absolute())
    if as_json:
        print_json({"removed": name} | ({} if folder is None else {"folder": str(expanded(folder).absolute())}))
    else:
        say(f"removed collection {name}" if folder is None else f"removed {folder} from collection {name}")


for command in (files, inspect, compact, verify, repair, backup, restore, export, take):
    index.add_command(command)


@contextmanager
def _kept(*, by_daemon: bool) -> Iterator[None]:
    """Say what an interruption leaves behind; `by_daemon`: a daemon does the work, which goes on there."""
    try:
        yield
    except KeyboardInterrupt:
        if by_daemon:
            say("the daemon goes on with the sync; `openclaw-instructor daemon stop` ends both")
        else:
            say("interrupted; what is done is kept, and `openclaw-instructor index sync` does the rest")
        raise


def _report(
    connection: Connection, path: Path | None, name: str | None, synced: Mapping[str, Any] | None = None
) -> None:
    """Write the report that was asked for; it reads the index itself, also where a daemon did the work."""
    if path is None:
        return
    from openclaw_instructor.index.pages import index_page

    with connection.open() as tools:
        states = tools.index_status(name)
    with connection.library() as toolbox:
        contents, home = toolbox.index.contents(name), str(toolbox.settings.home)
    write_report(path, lambda: index_page(states, contents, home, synced))


def _show_sync(result: dict[str, Any], as_json: bool) -> int:
    """Print a sync report; exit status 2 when a collection could not be synced."""
    reports = result["collections"]
    failed = any(report["error"] for report in reports)
    if as_json:
        print_json(result)
        return 2 if failed else 0
    counts = ("added", "changed", "removed", "unchanged", "chunks", "embedded")
    if reports:
        rows = [(report["collection"], *(report[key] for key in counts), len(report["skipped"])) for report in reports]
        print_table(("collection", *counts, "skipped"), rows)
    for report in reports:
        for skipped in report["skipped"]:
            say(f"skipped: {one_line(skipped['file'])}: {one_line(skipped['reason'])}")
        for note in report["notes"]:
            say(f"note: {note}")
        if report["error"]:
            say(f"error: {report['error']}")
    for note in result["notes"]:
        say(f"note: {note}")
    return 2 if failed else 0


def _show_status(collections: list[dict[str, Any]], as_json: bool) -> int:
    if as_json:
        print_json({"collections": collections})
    elif not collections:
        say("no collections yet; add one: openclaw-instructor index add docs FOLDER")
    else:
        keys = ("name", "documents", "chunks", "skipped", "checkpoint", "synced_at")
        rows = [
            (
                *("" if entry[key] is None else entry[key] for key in keys),
                _state(entry),
                "\n".join(entry["folders"]),
            )
            for entry in collections
        ]
        print_table(("collection", *keys[1:], "state", "folders"), rows)
        for entry in collections:
            if entry["reason"]:
                print_line(for_home(entry["reason"]))
            if entry.get("store"):
                say(f"vectors of {entry['name']}: {one_line(entry['store'])}")
    return 0


def _state(entry: dict[str, Any]) -> str:
    """Return the state in few words; the reason says the rest."""
    if not entry["reason"]:
        return "up to date"
    if entry["checkpoint"] is None:
        return "not indexed"
    return f"{entry['changed']:,} changed" if entry["changed"] else "see below"
