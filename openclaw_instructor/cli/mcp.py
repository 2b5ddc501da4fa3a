"""`mcp`: serve the tasks as MCP tools over standard input and output."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import say

if TYPE_CHECKING:
    from openclaw_instructor.daemon.transport import Cancellation


@click.command()
@click.option("--in-process", is_flag=True, help="Run model and index in this process instead of the shared daemon.")
@click.option("--data", type=click.Path(file_okay=False), help="Home folder; for hosts that hand one out.")
@click.pass_obj
def mcp(connection: Connection, in_process: bool, data: str | None) -> None:
    """Serve the tasks as MCP tools over standard input and output.

    Tools are listed from the registry and follow its edits. Calls go to the shared daemon, which the first one starts.
    """
    from openclaw_instructor.index.names import collection_names
    from openclaw_instructor.registry import Registry
    from openclaw_instructor.server.mcp_stdio import StdioServer, take_standard_streams

    source, sink = take_standard_streams()
    settings = Connection(home=connection.home or data).settings()
    registry = Registry.load(settings)
    collections = partial(collection_names, settings)
    if registry.problem:
        say(f"warning: {registry.problem}")
    if not (in_process or connection.in_process):
        from openclaw_instructor.daemon.client import Client

        with Client(settings, as_agent=True) as client:
            StdioServer(registry, client.run, source, sink, collections, client.teach).serve()
        return
    from openclaw_instructor.service import Toolbox

    with Toolbox(settings=settings) as toolbox:

        def run(task: str, arguments: Mapping[str, Any], *, cancellation: Cancellation) -> dict[str, Any]:
            return toolbox.run(task, arguments)

        StdioServer(registry, run, source, sink, collections, toolbox.teach).serve()
