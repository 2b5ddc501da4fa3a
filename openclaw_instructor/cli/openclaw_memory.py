"""`openclaw memory`: let OpenClaw's own memory search use this daemon."""

from __future__ import annotations

import click

from openclaw_instructor.cli.connection import Connection
from openclaw_instructor.cli.output import json_option, print_json, say, say_asking_openclaw


@click.command()
@click.option("--apply", "merge", is_flag=True, help="Merge the block into your OpenClaw configuration, with a backup.")
@click.option("--native", is_flag=True, help="Through the plugin: no port and no token stand in the configuration.")
@click.option("--autostart", is_flag=True, help="Let OpenClaw start the daemon when it needs it.")
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    help="Fixed port of the daemon; kept in config.yaml. [default: `port` of config.yaml, else 8737]",
)
@click.option("--openclaw", "program", metavar="PATH", help="The openclaw program. [default: on PATH]")
@json_option
@click.pass_obj
def memory(
    connection: Connection,
    merge: bool,
    native: bool,
    autostart: bool,
    port: int | None,
    program: str | None,
    as_json: bool,
) -> None:
    """Print the configuration that makes OpenClaw's own memory search use this model.

    Questions and passages are embedded under the `query` and `passage` instructions of your registry. With --native
    the plugin embeds them, which starts the daemon itself. Without it the block holds the daemon's token for agents:
    keep it to yourself.
    """
    from openclaw_instructor.daemon.endpoint import agent_token, bearer_token, open_home
    from openclaw_instructor.openclaw.memory_search import DEFAULT_PORT, apply, block, native_block
    from openclaw_instructor.registry.yaml_edit import set_key

    if native and (autostart or port):
        raise click.UsageError("--native needs neither --autostart nor --port: the plugin finds and starts the daemon")
    settings = connection.settings()
    open_home(settings)
    chosen = port or settings.port or DEFAULT_PORT
    fixed = native or chosen == settings.port
    if native:
        patch = native_block(settings)
    else:
        patch = block(settings, agent_token(bearer_token(settings)), chosen, autostart=autostart)
    if not merge:
        print_json(patch)
        if not fixed:
            say(f"note: the daemon must listen on port {chosen}: set `port: {chosen}` in {settings.config_path}")
        return
    say_asking_openclaw()
    applied = apply(settings, patch, program=program)
    if not fixed:
        set_key(settings.config_path, "port", str(chosen))
    if as_json:
        print_json(applied.as_dict())
        return
    say(f"changed {applied.config}" + (f"; the file from before is {applied.backup}" if applied.backup else ""))
    say("next: " + ", then ".join(f"`{step}`" for step in applied.next_steps))
    if not (native or autostart):
        say("keep the daemon running, for example with the systemd unit in docs/daemon.md, or use --autostart")
