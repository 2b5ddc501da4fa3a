"""`studio`: open the page that shows documents, tasks and mail."""

from __future__ import annotations

import os
import sys

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, say

ROOMS = ("search", "documents", "inbox", "tasks", "map", "engine")


@click.command()
@click.argument("room", type=click.Choice(ROOMS), default=ROOMS[0])
@click.option(
    "--may",
    type=click.Choice(("read", "write", "admin")),
    default="admin",
    show_default=True,
    help="What the page may do: read, write (teach, sync), or admin (also add and remove folders, edit tasks).",
)
@click.option("--no-browser", is_flag=True, help="Only print the link.")
@json_option
@click.pass_obj
def studio(connection: Connection, room: str, may: str, no_browser: bool, as_json: bool) -> None:
    """Look at your documents, your tasks and your inbox in a browser.

    Starts the daemon if none answers, and prints a link that works once, within a minute, on this machine.
    """
    from openclaw_instructor.daemon.client import Client

    with Client(connection.settings()) as client:
        link = client.session_link(may, f"/studio/?room={room}")
    if as_json:
        print_json(link)
        return
    click.echo(link["url"])
    if not no_browser and _open(link["url"]):
        say("opened it in your browser")


def _open(url: str) -> bool:
    """Open the link where there is a browser with a window; a text browser would take this terminal."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    import webbrowser

    return webbrowser.open(url)
