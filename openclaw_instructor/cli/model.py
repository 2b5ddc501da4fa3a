"""`model`: checkpoints: which there are, which is used, and getting another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import given, json_option, print_json, print_table, say
from openclaw_instructor.errors import InstructorError, InvalidArguments

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint
    from openclaw_instructor.settings import Settings

KNOWN = ("mini", "hkunlp/instructor-base", "hkunlp/instructor-large", "hkunlp/instructor-xl")


@click.group()
def model() -> None:
    """List, inspect, choose and download checkpoints.

    A checkpoint is `mini` (bundled), a folder, or a hub id such as hkunlp/instructor-large.
    """


@model.command("list")
@json_option
@click.pass_obj
def list_models(connection: Connection, as_json: bool) -> None:
    """List the known checkpoints and which of them are on this machine."""
    settings = connection.settings()
    names = [*KNOWN, *([settings.checkpoint] if settings.checkpoint not in KNOWN else [])]
    rows = [_row(name, settings) for name in names]
    if as_json:
        print_json({"checkpoints": rows})
        return
    keys = ("dimension", "layers", "parameters", "megabytes")
    print_table(
        ("", "checkpoint", *keys, "note"),
        [("*" if row["used"] else "", row["name"], *(row.get(key, "") for key in keys), row["note"]) for row in rows],
    )
    say("get and use another: openclaw-instructor model use NAME")


@model.command()
@click.argument("name", required=False)
@json_option
@click.pass_obj
def info(connection: Connection, name: str | None, as_json: bool) -> None:
    """Describe the checkpoint NAME, by default the one in use."""
    settings = connection.settings()
    checkpoint = _open(name or settings.checkpoint, settings, offline=True)
    details = _details(checkpoint)
    if as_json:
        print_json(details)
    else:
        print_table(("field", "value"), list(details.items()))


@model.command()
@click.argument("name")
@click.option("--revision", help="Commit, tag or branch of the hub repository to stay with.")
@json_option
@click.pass_obj
def use(connection: Connection, name: str, revision: str | None, as_json: bool) -> None:
    """Use the checkpoint NAME from now on; it is downloaded first if need be.

    Collections that were indexed with another checkpoint are embedded again at the next sync.
    """
    from openclaw_instructor.registry.yaml_edit import set_key

    settings = connection.settings()
    checkpoint = _open(name, settings, revision=revision)
    set_key(settings.config_path, "checkpoint", checkpoint.name)
    set_key(settings.config_path, "revision", revision)
    effective = connection.settings()
    if as_json:
        print_json({"checkpoint": effective.checkpoint, "previous": settings.checkpoint, **_details(checkpoint)})
    else:
        say(f"{settings.config_path}: checkpoint {checkpoint.name} ({checkpoint.dimension} dimensions)")
        say("next: openclaw-instructor index sync")
    if effective.checkpoint != checkpoint.name:
        variable = "OPENCLAW_INSTRUCTOR_CHECKPOINT"
        say(f"warning: ${variable} says {os.environ.get(variable)} and wins over the file; unset it")


@model.command()
@click.argument("name")
@click.option("--revision", help="Commit, tag or branch of the hub repository.")
@json_option
@click.pass_obj
def pull(connection: Connection, name: str, revision: str | None, as_json: bool) -> None:
    """Download the hub checkpoint NAME, or bring it up to date."""
    settings = connection.settings()
    if settings.offline:
        raise InvalidArguments(f"`offline` is set, so {name} cannot be downloaded; unset it in {settings.config_path}")
    details = _details(_open(name, settings, revision=revision, pull=True))
    if as_json:
        print_json(details)
    else:
        say(f"{details['name']} is at {details['path']} ({details['megabytes']} MB)")


def _open(name: str, settings: Settings, **options: Any) -> Checkpoint:
    from openclaw_instructor.model.checkpoint import Checkpoint

    configured = {"offline": settings.offline, "revision": settings.revision_of(name)}
    return Checkpoint.open(name, **configured | given(options))


def _row(name: str, settings: Settings) -> dict[str, Any]:
    used = name == settings.checkpoint
    try:
        details = _details(_open(name, settings, offline=True))
    except InstructorError as error:
        absent = error.code == "checkpoint_unavailable"
        note = "not on this machine" if absent else error.message
        return {"name": name, "used": used, "available": False, "note": note}
    return {**details, "used": used, "available": True, "note": "bundled" if name == "mini" else details["path"]}


def _details(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "name": checkpoint.name,
        "revision": checkpoint.revision,
        "dimension": checkpoint.dimension,
        "layers": checkpoint.shape.layers,
        "width": checkpoint.shape.width,
        "max_tokens": checkpoint.max_seq_length,
        "parameters": checkpoint.parameters,
        "megabytes": round(checkpoint.megabytes, 1),
        "identity": checkpoint.identity,
        "path": str(checkpoint.folder),
    }
