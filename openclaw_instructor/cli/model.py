"""`model`: list checkpoints, choose one, download one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import given, json_option, print_json, print_table, say
from openclaw_instructor.errors import InstructorError, InvalidArguments
from openclaw_instructor.model.known import KNOWN
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint
    from openclaw_instructor.settings import Settings


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
    keys = ("dimension", "max_tokens", "millions", "languages", "licence")
    print_table(
        ("", "checkpoint", "dimension", "tokens", "million weights", "languages", "licence", "note"),
        [("*" if row["used"] else "", row["name"], *(row.get(key, "") for key in keys), row["note"]) for row in rows],
    )
    say("which one for whom: docs/checkpoints.md; get and use another: openclaw-instructor model use NAME")


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

    What changes with it is said. Collections that were indexed with another checkpoint are embedded again at the next
    sync, and until then searched by words.
    """
    from openclaw_instructor.registry.yaml_edit import set_key

    settings = connection.settings()
    checkpoint = _open(name, settings, revision=revision)
    changes = _changes(settings, checkpoint)
    set_key(settings.config_path, "checkpoint", checkpoint.name)
    set_key(settings.config_path, "revision", revision)
    effective = connection.settings()
    if as_json:
        print_json(
            {
                "checkpoint": effective.checkpoint,
                "previous": settings.checkpoint,
                **_details(checkpoint),
                "changes": changes,
                "next": _in_openclaw(settings),
            }
        )
    else:
        for change in changes:
            say(change)
        say(f"{settings.config_path}: checkpoint {checkpoint.name} ({checkpoint.dimension} dimensions)")
        say("next: openclaw-instructor index sync")
        for step in _in_openclaw(settings):
            say(f"next: {step}")
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
    files = _plan(name, settings, revision)
    if files and not as_json:
        for path, size in files:
            say(f"{size / 1e6:10,.1f} MB  {path}")
        say(f"{sum(size for _, size in files) / 1e6:10,.1f} MB  in {len(files)} files of {name}")
    details = _details(_open(name, settings, revision=revision, pull=True))
    if as_json:
        details["files"] = [{"path": path, "bytes": size} for path, size in files]
    if as_json:
        print_json(details)
    else:
        say(f"{details['name']} is at {details['path']} ({details['megabytes']} MB)")


def _open(name: str, settings: Settings, **options: Any) -> Checkpoint:
    from openclaw_instructor.model.checkpoint import Checkpoint

    configured = {"offline": settings.offline, "revision": settings.revision_of(name)}
    return Checkpoint.open(name, **configured | given(options))


def _plan(name: str, settings: Settings, revision: str | None) -> list[tuple[str, int]]:
    """List what a download would fetch; nothing for a name that is not a hub id."""
    from openclaw_instructor.model import hub

    if name == "mini" or not hub.is_id(name) or expanded(name).is_dir():
        return []
    return hub.plan(name, revision or settings.revision_of(name))


def _changes(settings: Settings, checkpoint: Checkpoint) -> list[str]:
    """Describe in sentences what is different with another checkpoint than the one in use."""
    known = KNOWN.get(checkpoint.name)
    before = KNOWN.get(settings.checkpoint)
    changes = []
    try:
        used: Checkpoint | None = _open(settings.checkpoint, settings, offline=True)
    except InstructorError:
        used = None
    if used and used.identity == checkpoint.identity:
        return []
    old = used.dimension if used else before.dimension if before else None
    if old and old != checkpoint.dimension:
        changes.append(f"vectors have {checkpoint.dimension} dimensions instead of {old}")
    if known and before and known.languages != before.languages:
        changes.append(f"languages: {known.languages} instead of {before.languages}")
    if used and used.max_seq_length != checkpoint.max_seq_length:
        changes.append(f"texts are read up to {checkpoint.max_seq_length} tokens instead of {used.max_seq_length}")
    if used and used.form.kind != checkpoint.form.kind:
        changes.append(f"instructions: {checkpoint.form.description}")
    changes.append("every collection is embedded again at the next sync; until then it is searched by words")
    changes.append("similarities have another scale: check `abstain_below` and `threshold` of your tasks")
    return changes


def _in_openclaw(settings: Settings) -> list[str]:
    """Return the commands after which OpenClaw uses the new checkpoint for what it used the old one for."""
    from openclaw_instructor.openclaw.host import remembered

    steps = []
    if remembered(settings, "memory"):
        again = " ".join(
            ["openclaw-instructor openclaw memory --apply", *(remembered(settings, "memory_options") or [])]
        )
        steps.append(f"{again}, then openclaw memory index --force")
    if remembered(settings, "decisions"):
        steps.append("openclaw-instructor openclaw sync, then openclaw-instructor openclaw decisions --apply")
    return steps


def _row(name: str, settings: Settings) -> dict[str, Any]:
    used = name == settings.checkpoint
    known = KNOWN.get(name)
    described: dict[str, Any] = {"name": name}
    if known:
        described |= {
            "dimension": known.dimension,
            "max_tokens": known.max_tokens,
            "millions": known.millions,
            "languages": known.languages,
            "licence": known.licence,
        }
    if known and known.runs == "st":
        described["name"] = f"st:{name}"
        note = "through sentence-transformers"
        return {**described, "used": settings.checkpoint == f"st:{name}", "available": False, "note": note}
    try:
        details = _details(_open(name, settings, offline=True))
    except InstructorError as error:
        absent = error.code == "checkpoint_unavailable"
        note = "not on this machine" if absent else error.message
        return {**described, "used": used, "available": False, "note": note}
    return {
        **described,
        **details,
        "used": used,
        "available": True,
        "note": "bundled" if name == "mini" else details["path"],
    }


def _details(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "name": checkpoint.name,
        "revision": checkpoint.revision,
        "dimension": checkpoint.dimension,
        "layers": checkpoint.shape.layers,
        "width": checkpoint.shape.width,
        "max_tokens": checkpoint.max_seq_length,
        "family": checkpoint.shape.family,
        "pooling": checkpoint.head.pooling,
        "instructions": checkpoint.form.description,
        "parameters": checkpoint.parameters,
        "megabytes": round(checkpoint.megabytes, 1),
        "identity": checkpoint.identity,
        "path": str(checkpoint.folder),
    }
