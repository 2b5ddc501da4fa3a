"""`index verify`, `repair`, `backup`, `restore`, `export` and `import`: look after the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.index_files import NO, size
from openclaw_instructor.cli.output import json_option, print_json, print_table, say
from openclaw_instructor.paths import expanded
from openclaw_instructor.text import one_line


@click.command()
@click.option(
    "--full", is_flag=True, help="Also compare every word of the full text, some seconds for 10,000 passages."
)
@json_option
@click.pass_obj
def verify(connection: Connection, full: bool, as_json: bool) -> int:
    """Check that the index is whole: the file, texts, vectors, full text and vector files agree.

    The exit status is 0 if all is well, else 3. Searches and syncs go on meanwhile.
    """
    with connection.open() as tools:
        report = tools.index_verify(full=full)
    if as_json:
        print_json(report)
    elif report["ok"]:
        counts = ", ".join(_counted(count, what) for what, count in report["checked"].items())
        say(f"the index is whole: {counts}")
    else:
        rows = [(each["part"], each["count"], one_line(each["message"])) for each in report["problems"]]
        print_table(("part", "count", "problem"), rows)
        say(f"mend it: {report['fix']}")
    for note in report["notes"] if not as_json else ():
        say(f"note: {note}")
    return 0 if report["ok"] else NO


@click.command()
@click.option("--full", is_flag=True, help="Make the full text anew in any case.")
@json_option
@click.pass_obj
def repair(connection: Connection, full: bool, as_json: bool) -> int:
    """Mend the index: make anew what can be, drop what belongs to nothing, and read again what was lost.

    A damaged file is kept beside the new one, which has everything that could be read of it.
    """
    with connection.open() as tools:
        report = tools.index_repair(full=full)
    if as_json:
        print_json(report)
    else:
        _print_repaired(report)
    return 2 if report["notes"] or any(each["error"] for each in report["synced"]) else 0


def _print_repaired(report: dict[str, Any]) -> None:
    for done in report["done"] or ["nothing was to be mended"]:
        say(one_line(done))
    for each in report["synced"]:
        counts = ", ".join(f"{each[key]:,} {key}" for key in ("added", "changed", "removed", "embedded"))
        say(f"synced {each['collection']}: {counts}" + (f"; {one_line(each['error'])}" if each["error"] else ""))
    for note in report["notes"]:
        say(f"note: {one_line(note)}")
    if report["kept"]:
        say(f"the damaged file is kept as {report['kept']}; delete it when you do not need it")


@click.command()
@click.argument("file", type=click.Path())
@json_option
@click.pass_obj
def backup(connection: Connection, file: str, as_json: bool) -> None:
    """Copy the index to FILE, which is verified before it gets its name. Searches and syncs go on meanwhile.

    A backup of before under that name is replaced.
    """
    with connection.open() as tools:
        report = tools.index_backup(_absolute(file))
    if as_json:
        print_json(report)
    else:
        say(f"backed up {_counted(report['documents'], 'documents')} to {report['file']} ({size(report['bytes'])})")


@click.command()
@click.argument("file", type=click.Path())
@json_option
@click.pass_obj
def restore(connection: Connection, file: str, as_json: bool) -> None:
    """Put the backup FILE in the place of the index, which is kept beside it."""
    with connection.open() as tools:
        report = tools.index_restore(_absolute(file))
    if as_json:
        print_json(report)
        return
    say(f"restored {report['documents']:,} documents; `openclaw-instructor index sync` takes in what changed since")
    if report["kept"]:
        say(f"the index of before is kept as {report['kept']}; delete it when you do not need it")


@click.command()
@click.argument("file", type=click.Path())
@click.argument("names", nargs=-1)
@json_option
@click.pass_obj
def export(connection: Connection, file: str, names: tuple[str, ...], as_json: bool) -> None:
    """Write the collections NAMES, or all, to FILE, which `index import` takes on any machine.

    With their vectors, so that nothing has to be embedded there.
    """
    with connection.open() as tools:
        report = tools.index_export(_absolute(file), list(names))
    if as_json:
        print_json(report)
    else:
        say(f"exported {_told(report)} to {report['file']} ({size(report['bytes'])})")


@click.command("import")
@click.argument("file", type=click.Path())
@click.option(
    "--root",
    "moved",
    multiple=True,
    metavar="OLD=NEW",
    help="A folder of the export is NEW on this machine; repeat it.",
)
@click.option("--replace", is_flag=True, help="Replace collections of the same names.")
@json_option
@click.pass_obj
def take(connection: Connection, file: str, moved: tuple[str, ...], replace: bool, as_json: bool) -> None:
    """Add the collections of FILE, an export; all of them, or after any error none.

    Their vectors are taken as they are, so the checkpoint has to be the one that they were embedded with.
    """
    roots = dict(_moved(each) for each in moved)
    with connection.open() as tools:
        report = tools.index_import(_absolute(file), roots, replace=replace)
    if as_json:
        print_json(report)
        return
    say(f"imported {_told(report)}; {_waiting(report)}")
    for note in report["notes"]:
        say(f"note: {one_line(note)}")


def _moved(option: str) -> tuple[str, str]:
    old, separator, new = option.partition("=")
    if not (old and separator and new):
        raise click.BadParameter("write it like --root /home/ann/notes=/Users/ann/notes", param_hint="--root")
    return old.rstrip("/") or "/", str(_absolute(new))


def _told(report: dict[str, Any]) -> str:
    return ", ".join(map(_described, report["collections"])) or "no collections"


def _described(collection: dict[str, Any]) -> str:
    skipped = f", {collection['skipped']:,} skipped" if collection["skipped"] else ""
    return f"{collection['collection']} ({_counted(collection['documents'], 'documents')}{skipped})"


def _waiting(report: dict[str, Any]) -> str:
    waiting = sum(each["waiting"] for each in report["collections"])
    if not waiting:
        return "their files are as they were when they were exported"
    known = sum(each["documents"] + each["skipped"] for each in report["collections"])
    return (
        f"{waiting:,} of their {_counted(known, 'files')} are not known to be as they were, and wait until "
        "`openclaw-instructor index sync` compares them"
    )


def _counted(count: int, what: str) -> str:
    """Write a number of things, whose name is given in the plural."""
    return f"{count:,} {what.removesuffix('s') if count == 1 else what}"


def _absolute(file: str) -> Path:
    # Absolute here, because a daemon has another working directory.
    return expanded(file).absolute()
