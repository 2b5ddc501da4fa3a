"""`openclaw`: install the tools in an OpenClaw and keep them up to date."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.openclaw_decisions import decisions
from openclaw_instructor.cli.openclaw_memory import memory
from openclaw_instructor.cli.openclaw_uninstall import uninstall
from openclaw_instructor.cli.output import (
    for_home,
    json_option,
    print_json,
    print_line,
    print_table,
    say,
    say_asking_openclaw,
)

if TYPE_CHECKING:
    from openclaw_instructor.openclaw.report import SyncReport

program_option = click.option("--openclaw", "program", metavar="PATH", help="The openclaw program. [default: on PATH]")
yes_option = click.option("--yes", is_flag=True, help="Agree to the tools that OpenClaw asks about.")


@click.group()
def openclaw() -> None:
    """Install the tools into OpenClaw and keep them up to date with your tasks."""


openclaw.add_command(memory)
openclaw.add_command(decisions)
openclaw.add_command(uninstall)


@openclaw.command()
@yes_option
@program_option
@json_option
@click.pass_obj
def install(connection: Connection, yes: bool, program: str | None, as_json: bool) -> int:
    """Generate the plugin from your tasks and link it into OpenClaw.

    The plugin folder lies in home; OpenClaw reads it there, so `openclaw sync` can change it.
    """
    from openclaw_instructor.openclaw.linking import install_plugin

    return _show(install_plugin(connection.settings(), confirm=_confirm(yes), program=program), as_json)


@openclaw.command()
@yes_option
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Seconds to keep trying while an agent turn runs.",
)
@click.option("--force", is_flag=True, help="Load the plugin again even when nothing changed.")
@click.option("--detach", is_flag=True, help="Return at once and sync in the background; for use inside an agent turn.")
@program_option
@json_option
@click.pass_obj
def sync(
    connection: Connection, yes: bool, wait: float, force: bool, detach: bool, program: str | None, as_json: bool
) -> int:
    """After an edit of your tasks: generate the plugin again and have the running OpenClaw load it.

    New tool names need your consent once. A sync that an agent runs itself waits for its own turn to end: give it
    --detach and --yes.
    """
    from openclaw_instructor.openclaw.detached import sync_detached
    from openclaw_instructor.openclaw.sync import sync_plugin

    if detach:
        _agreed(yes)
        sync_detached(connection.settings(), wait=wait, force=force, program=program)
        message = "syncing in the background; agents have the tools from the turn after this one"
        print_json({"state": "detached", "message": message}) if as_json else say(message)
        return 0
    settings = connection.settings()
    return _show(sync_plugin(settings, confirm=_confirm(yes), wait=wait, force=force, program=program), as_json)


@openclaw.command()
@program_option
@json_option
@click.pass_obj
def doctor(connection: Connection, program: str | None, as_json: bool) -> int:
    """Check every link from the openclaw program to the tools an agent sees, and say how to fix what is wrong."""
    from openclaw_instructor.doctor.openclaw import examine

    say_asking_openclaw()
    findings = examine(connection.settings(), program)
    bad = any(finding.level == "fail" for finding in findings)
    if as_json:
        print_json({"ok": not bad, "findings": [finding.as_dict() for finding in findings]})
    else:
        rows = [
            (item.level, item.check, for_home(item.message + (f"\nfix: {item.fix}" if item.fix else "")))
            for item in findings
        ]
        print_table(("", "check", "finding"), rows)
    return 1 if bad else 0


def _confirm(yes: bool) -> Callable[[Sequence[str]], bool]:
    def ask(tools: Sequence[str]) -> bool:
        say("OpenClaw will offer these tools to its agents: " + ", ".join(tools))
        agreed = yes or (sys.stdin.isatty() and click.confirm("Agree?", default=False, err=True))
        if agreed:
            say_asking_openclaw()
        return agreed

    return ask


def _agreed(yes: bool) -> None:
    if not yes:
        raise click.UsageError("--detach cannot ask; add --yes to agree to new tools beforehand")


def _show(report: SyncReport, as_json: bool) -> int:
    if as_json:
        print_json(report.as_dict())
    else:
        print_line(f"{report.state}: {report.message}")
        print_line(f"tools: {', '.join(report.tools)}")
        print_line(f"plugin: {report.folder}")
    return 0 if report.state in ("live", "current", "saved") else 1
