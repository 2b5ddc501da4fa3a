"""`openclaw decisions`: let OpenClaw's typed decisions use this checkpoint."""

from __future__ import annotations

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, say, say_asking_openclaw


@click.command()
@click.option("--apply", "select", is_flag=True, help="Select it in your OpenClaw configuration, with a backup.")
@click.option("--undo", "take_back", is_flag=True, help="Select again what was selected before.")
@click.option("--openclaw", "program", metavar="PATH", help="The openclaw program. [default: on PATH]")
@json_option
@click.pass_obj
def decisions(connection: Connection, select: bool, take_back: bool, program: str | None, as_json: bool) -> None:
    """Print the configuration that makes this checkpoint OpenClaw's decision model.

    Plugins of OpenClaw that ask for a choice, a score or a yes or no are then answered here. It takes effect at once.
    """
    from openclaw_instructor.openclaw.decision_model import apply, block, undo

    if select and take_back:
        raise click.UsageError("--apply and --undo are opposites; give one of them")
    settings = connection.settings()
    if not select and not take_back:
        print_json(block(settings))
        return
    say_asking_openclaw()
    applied = (apply if select else undo)(settings, program=program)
    if as_json:
        print_json(applied.as_dict())
        return
    if not applied.patch:
        say(f"{applied.config} selects no decision model of ours")
        return
    say(f"changed {applied.config}" + (f"; the file from before is {applied.backup}" if applied.backup else ""))
    if applied.next_steps:
        say(f"to take it back: `{applied.next_steps[0]}`")
