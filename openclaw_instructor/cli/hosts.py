"""`hosts`: enter the MCP server in other agent hosts, and take it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_line, print_table
from openclaw_instructor.hosts.table import HOSTS
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    from openclaw_instructor.hosts.installation import Change, HostFile

host_argument = click.argument("host", type=click.Choice(list(HOSTS)))
project_option = click.option(
    "--project",
    type=click.Path(file_okay=False),
    help="Use the file of the project in this folder. [default: the file for all projects]",
)
name_option = click.option("--name", default="instructor", show_default=True, help="Name of the server in the host.")


@click.group()
def hosts() -> None:
    """Offer the tools to Claude Code, Codex, Cursor, VS Code or Gemini CLI."""


@hosts.command("list")
@name_option
@project_option
@json_option
@click.pass_obj
def list_hosts(connection: Connection, name: str, project: str | None, as_json: bool) -> None:
    """List the known hosts: where their configuration is, and whether it has the server."""
    files = [_file(connection, host, project, name) for host in HOSTS]
    found = [(file, *file.state()) for file in files]
    if as_json:
        rows = [
            {
                "host": file.host.name,
                "config": str(file.path),
                "exists": file.path.exists(),
                "state": state,
                "problem": problem or None,
                "documentation": file.host.documentation,
            }
            for file, state, problem in found
        ]
        print_json({"hosts": rows})
        return
    print_table(
        ("host", "state", "configuration"),
        [
            (file.host.name, state, f"{file.path}{'' if file.path.exists() else ' (not there)'}")
            for file, state, _ in found
        ],
    )


@hosts.command()
@host_argument
@name_option
@project_option
@click.option("--print", "only_print", is_flag=True, help="Print the file and what belongs into it; change nothing.")
@json_option
@click.pass_obj
def install(connection: Connection, host: str, name: str, project: str | None, only_print: bool, as_json: bool) -> None:
    """Enter the server in the configuration of HOST; the file from before is kept beside it.

    Comments, order and everything else in the file stay as they are.
    """
    file = _file(connection, host, project, name)
    if not only_print:
        _show(file.install(), as_json)
    elif as_json:
        print_json({"config": str(file.path), "section": file.host.servers, "name": name, "entry": file.wanted})
    else:
        print_line(f"in {file.path}:")
        click.echo(file.snippet, nl=False)


@hosts.command()
@host_argument
@name_option
@project_option
@json_option
@click.pass_obj
def uninstall(connection: Connection, host: str, name: str, project: str | None, as_json: bool) -> None:
    """Remove the server from the configuration of HOST.

    A file that nobody changed since `install` is then what it was before, byte for byte.
    """
    _show(_file(connection, host, project, name).uninstall(), as_json)


def _file(connection: Connection, host: str, project: str | None, name: str) -> HostFile:
    from openclaw_instructor.hosts.installation import HostFile

    known = HOSTS[host]
    path = known.project_file(expanded(project)) if project else known.user_file()
    return HostFile(connection.settings(), known, path, name)


def _show(change: Change, as_json: bool) -> None:
    if as_json:
        print_json(change.as_dict())
        return
    said = {
        "installed": f"{change.config} has the server `{change.name}` now",
        "current": f"{change.config} has the server `{change.name}` already",
        "removed": f"removed `{change.name}` from {change.config}; what else was changed there stays",
        "restored": f"{change.config} is as it was before",
        "absent": f"{change.config} has no server `{change.name}`; nothing was changed",
    }
    print_line(f"{change.state}: {said[change.state]}")
    if change.backup:
        print_line(f"the file from before: {change.backup}")
    if change.next_step:
        print_line(f"next: {change.next_step}")
