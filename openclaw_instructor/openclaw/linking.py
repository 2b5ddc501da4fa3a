"""Install the plugin: generate its folder and link it into OpenClaw, in place of whatever is there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from openclaw_instructor.errors import OpenClawFailed
from openclaw_instructor.openclaw import configuration, manifest
from openclaw_instructor.openclaw.consent import Confirm, agree
from openclaw_instructor.openclaw.folder import digest, kept_unless_agreed, plugin_folder, sound_registry, write_plugin
from openclaw_instructor.openclaw.host import GatewayError, GatewayUnavailable, Host
from openclaw_instructor.openclaw.installed import Installed
from openclaw_instructor.openclaw.listening import nothing_listens
from openclaw_instructor.openclaw.report import LIVE, SyncReport
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings

ENTRY = f"plugins.entries.{manifest.PLUGIN_ID}"
# Where a copied plugin finds the program; a linked one knows it.
_OF_A_COPY = ("command", "home")


def install_plugin(settings: Settings, *, confirm: Confirm, program: str | None = None) -> SyncReport:
    """Generate the plugin from the user's registry and link it into OpenClaw, enabled.

    A copy from a tarball, or a link to another home, is replaced; its configuration stays. Raises ConsentNeeded, then
    nothing was changed; InvalidRegistry, OpenClawMissing, OpenClawFailed.
    """
    started = time.monotonic()
    host = Host.find(settings, program)
    registry = sound_registry(settings)
    agree(manifest.tool_names(registry.tasks), confirm)
    with kept_unless_agreed(settings):
        written = write_plugin(settings, registry, host.release)
        report = link(settings, host, registry)
    report.written, report.seconds = written, round(time.monotonic() - started, 1)
    return report


def link(settings: Settings, host: Host, registry: Registry, *, ask_gateway: bool = True) -> SyncReport:
    """Link the generated folder; the owner has agreed to its tools.

    A running Gateway is asked unless it is known that none is there: OpenClaw's command line needs twice the time.
    """
    folder = plugin_folder(settings)
    installed = Installed.find(host, settings)
    config: dict[str, Any] = {}
    if replaced := installed.form in ("copied", "linked elsewhere"):
        config = _kept(host.section(ENTRY))
        host.run("plugins", "uninstall", manifest.PLUGIN_ID, "--force")
    live = ask_gateway and not nothing_listens(host) and _through_gateway(host, folder)
    if not live:
        live = _by_command_line(settings, host, folder)
    if replaced and config:
        configuration.patch(host, {"plugins": {"entries": {manifest.PLUGIN_ID: {"config": config}}}})
    host.remember(settings, linked=str(folder), loaded=digest(folder))
    how = " in place of the copy that was there" if installed.form == "copied" else ""
    if not live:
        message = f"linked{how}; no Gateway could be asked, its next start loads these tools"
        return SyncReport.of(settings, registry, "saved", message)
    return SyncReport.of(settings, registry, "live", f"linked{how}; {LIVE}" if how else LIVE)


def _through_gateway(host: Host, folder: Path) -> bool:
    """Have the running Gateway link and load the plugin; False where none does."""
    try:
        answer = host.call("plugins.install", {"source": "local", "path": str(folder), "link": True})
        # An uninstall leaves `enabled: false`, which a link does not change.
        if not answer["plugin"]["enabled"]:
            host.call("plugins.setEnabled", {"pluginId": manifest.PLUGIN_ID, "enabled": True})
    except (GatewayUnavailable, GatewayError):
        return False
    return True


def _by_command_line(settings: Settings, host: Host, folder: Path) -> bool:
    """Link the plugin, enabled, and look whether OpenClaw has it; True if a Gateway has loaded it."""
    said = host.run("plugins", "install", "-l", str(folder), "--force", "--accept-capabilities")
    installed = Installed.find(host, settings)
    if installed.form != "linked" or installed.problem:
        why = installed.problem or f"it has the plugin {installed.form}"
        look = host.typed("plugins", "inspect", manifest.PLUGIN_ID, "--runtime")
        raise OpenClawFailed(f"OpenClaw said that it linked {folder}, but {why}; see: {look}")
    if not installed.enabled:
        said = host.run("plugins", "enable", manifest.PLUGIN_ID, "--accept-capabilities")
    return "Saved for the next" not in said


def _kept(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (entry.get("config") or {}).items() if name not in _OF_A_COPY}
