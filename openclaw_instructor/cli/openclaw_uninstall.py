"""`openclaw uninstall`: take everything out of OpenClaw that this program put there."""

from __future__ import annotations

import sys

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_line, say, say_asking_openclaw


@click.command()
@click.option("--purge", is_flag=True, help="Delete the home too: index, tasks, corrections, configuration.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--openclaw", "program", metavar="PATH", help="The openclaw program. [default: on PATH]")
@json_option
@click.pass_obj
def uninstall(connection: Connection, purge: bool, dry_run: bool, yes: bool, program: str | None, as_json: bool) -> int:
    """Take the plugin, the memory block and the decision model out of OpenClaw, and stop the daemon.

    Each step is told first. Your tasks and your index stay in home unless you say --purge.
    """
    from openclaw_instructor.openclaw.uninstall import plan

    say_asking_openclaw()
    steps = plan(connection.settings(), purge=purge, program=program)
    if not as_json:
        for step in steps:
            say(f"{step.part}: {step.says}")
        if not steps:
            print_line("there is nothing to take away")
    if dry_run or not steps:
        if as_json:
            print_json({"done": False, "steps": [step.as_dict() for step in steps]})
        return 0
    if not yes and not (sys.stdin.isatty() and click.confirm("Do that?", default=False, err=True)):
        raise click.UsageError("nothing was changed; run it again and agree, or pass --yes")
    for step in steps:
        step.take()
    if as_json:
        print_json({"done": True, "steps": [step.as_dict() for step in steps]})
    else:
        print_line("done")
    return 0
