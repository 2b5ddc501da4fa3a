"""Install the plugin: generate its folder and link it into OpenClaw, in place of whatever is there."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from openclaw_instructor.openclaw import configuration, manifest
from openclaw_instructor.openclaw.consent import Confirm, agree
from openclaw_instructor.openclaw.folder import digest, kept_unless_agreed, plugin_folder, sound_registry, write_plugin
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.openclaw.installed import Installed
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


def link(settings: Settings, host: Host, registry: Registry) -> SyncReport:
    """Link the generated folder; the owner has agreed to its tools."""
    folder = plugin_folder(settings)
    # Each start of the program costs seconds.
    with ThreadPoolExecutor(2) as pool:
        finding, reading = pool.submit(Installed.find, host, settings), pool.submit(host.section, ENTRY)
        installed, entry = finding.result(), reading.result()
    replaced = installed.form in ("copied", "linked elsewhere")
    if replaced:
        host.run("plugins", "uninstall", manifest.PLUGIN_ID, "--force")
    said = host.run("plugins", "install", "-l", str(folder), "--force", "--accept-capabilities")
    # An uninstall leaves `enabled: false`, which a link does not change.
    if replaced or entry.get("enabled") is False:
        said = host.run("plugins", "enable", manifest.PLUGIN_ID, "--accept-capabilities")
    if replaced and (kept := _kept(entry)):
        configuration.patch(host, {"plugins": {"entries": {manifest.PLUGIN_ID: {"config": kept}}}})
    host.remember(settings, linked=str(folder), loaded=digest(folder))
    how = " in place of the copy that was there" if installed.form == "copied" else ""
    if "Saved for the next" in said:
        message = f"linked{how}; no Gateway could be asked, its next start loads these tools"
        return SyncReport.of(settings, registry, "saved", message)
    return SyncReport.of(settings, registry, "live", f"linked{how}; {LIVE}" if how else LIVE)


def _kept(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (entry.get("config") or {}).items() if name not in _OF_A_COPY}
