"""`daemon`: start, stop and inspect the shared background process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_table, say

if TYPE_CHECKING:
    from openclaw_instructor.settings import Settings


@click.group()
def daemon() -> None:
    """Start, inspect and stop the process that shares one model and one index between all callers.

    It starts by itself when a tool needs it, and ends by itself after an hour without a request.
    """


@daemon.command()
@json_option
@click.pass_obj
def ensure(connection: Connection, as_json: bool) -> None:
    """Start the daemon if none answers, and print its URL.

    With --json also its Unix socket, the owner's token, and the one for agents, which opens less.
    """
    from openclaw_instructor.daemon.lifecycle import ensure

    endpoint = ensure(connection.settings())
    if as_json:
        print_json(
            {
                "url": endpoint.url,
                "socket": endpoint.socket,
                "token": endpoint.token,
                "agent_token": endpoint.agent_token,
                "pid": endpoint.pid,
                "crashed": endpoint.crashed,
            }
        )
    else:
        click.echo(endpoint.url)


@daemon.command()
@click.option("--foreground", is_flag=True, help="For supervisors: log to standard error too and never end when idle.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one.")
@click.option("--host", help="Address to listen on. Others than loopback need `token` in the configuration.")
@click.option("--last-port", type=int, hidden=True, help="Port to take again after a restart.")
@click.option("--ready-fd", type=int, hidden=True, help="Descriptor to report the start on.")
@click.option("--lock-fd", type=int, hidden=True, help="Descriptor that holds the lock over a restart.")
@json_option
@click.pass_obj
def run(
    connection: Connection,
    foreground: bool,
    port: int | None,
    host: str | None,
    last_port: int | None,
    ready_fd: int | None,
    lock_fd: int | None,
    as_json: bool,
) -> None:
    """Run the daemon in this process until it is stopped."""
    from openclaw_instructor.server import process
    from openclaw_instructor.server.launch import Launch
    from openclaw_instructor.settings import Settings

    def load() -> Settings:
        settings = Settings.load(connection.home, host=host, port=port, exit_after=0.0 if foreground else None)
        return settings.model_copy(update={"port": last_port}) if last_port and not settings.port else settings

    def again(settings: Settings, port_now: int) -> list[str]:
        """Return the same command, on the port that clients know unless the settings name another."""
        from openclaw_instructor.daemon.lifecycle import command_line

        given = {"--port": port, "--host": host, "--last-port": port_now}
        options = [f"{name}={value}" for name, value in given.items() if value is not None]
        return [*command_line(settings), "daemon", "run", *options, *(["--foreground"] if foreground else [])]

    process.run(Launch(load, again, foreground, ready_fd, lock_fd, _follow_into_openclaw))
    if as_json:
        print_json({"stopped": True})
    process.leave()


def _follow_into_openclaw(settings: Settings) -> str | None:
    """Sync edited tasks into OpenClaw; return what the daemon should log."""
    from openclaw_instructor.openclaw.sync import sync_if_enabled

    report = sync_if_enabled(settings)
    return f"openclaw: {report.state}: {report.message}" if report is not None else None


@daemon.command()
@json_option
@click.pass_obj
def status(connection: Connection, as_json: bool) -> None:
    """Show whether the daemon runs, and its state."""
    from openclaw_instructor.daemon.lifecycle import status

    state = status(connection.settings())
    if as_json:
        print_json(state)
        return
    health = state.pop("health", None) or {}
    # The announcement and the answer both name the version.
    told = dict([*_flat(state), *_flat(health)])
    print_table(("field", "value"), [(name, _for_people(value)) for name, value in told.items()])


@daemon.command()
@json_option
@click.pass_obj
def stop(connection: Connection, as_json: bool) -> None:
    """Stop the daemon; an interrupted sync continues with the next one."""
    from openclaw_instructor.daemon.lifecycle import stop

    stopped = stop(connection.settings())
    if as_json:
        print_json({"stopped": stopped})
    else:
        say("stopped" if stopped else "no daemon was running")


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, item in value.items():
        if isinstance(item, dict):
            rows += _flat(item, f"{prefix}{key}.")
        else:
            rows.append((prefix + key, item))
    return rows


def _for_people(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value
