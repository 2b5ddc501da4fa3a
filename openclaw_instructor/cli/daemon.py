"""`daemon`: the shared background process."""

from __future__ import annotations

from typing import Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, print_table, say


@click.group()
def daemon() -> None:
    """Start, inspect and stop the process that shares one model and one index between all callers.

    It starts by itself when a tool needs it, and ends by itself after an hour without a request.
    """


@daemon.command()
@json_option
@click.pass_obj
def ensure(connection: Connection, as_json: bool) -> None:
    """Start the daemon if none answers, and print its URL (with --json its token too)."""
    from openclaw_instructor.daemon.lifecycle import ensure

    endpoint = ensure(connection.settings())
    if as_json:
        print_json({"url": endpoint.url, "token": endpoint.token})
    else:
        click.echo(endpoint.url)


@daemon.command()
@click.option("--foreground", is_flag=True, help="For supervisors: log to standard error too and never end when idle.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one.")
@click.option("--host", help="Address to listen on. Others than loopback need `token` in the configuration.")
@json_option
@click.pass_obj
def run(connection: Connection, foreground: bool, port: int | None, host: str | None, as_json: bool) -> None:
    """Run the daemon in this process until it is stopped."""
    from openclaw_instructor.server.__main__ import leave, serve

    home = str(connection.settings().home)
    exit_after = 0.0 if foreground else None
    serve({"home": home, "host": host, "port": port, "exit_after": exit_after}, foreground=foreground)
    if as_json:
        print_json({"stopped": True})
    leave()


@daemon.command()
@json_option
@click.pass_obj
def status(connection: Connection, as_json: bool) -> None:
    """Say whether the daemon runs and how it is."""
    from openclaw_instructor.daemon.lifecycle import status

    state = status(connection.settings())
    if as_json:
        print_json(state)
        return
    health = state.pop("health", None) or {}
    print_table(("", ""), [*state.items(), *_flat(health)])


@daemon.command()
@json_option
@click.pass_obj
def stop(connection: Connection, as_json: bool) -> None:
    """End the daemon; work under way is finished or left to be taken up again."""
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
