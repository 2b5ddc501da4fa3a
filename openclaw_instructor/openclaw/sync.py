"""Keep an OpenClaw up to date with the user's registry: its plugin folder is in home, and reloaded while it runs.

What an agent sees changes in two steps. Tool specs and skills are files that OpenClaw reads again each turn, so
`refresh_plugin` is enough for them, and a new task runs through `instructor_task` at once. A new tool *name* has to be
declared in the manifest, agreed to by the owner and loaded: that is `sync_plugin`. What the owner removed or switched
off stays so: only `install_plugin` brings it back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from openclaw_instructor.errors import InstructorError
from openclaw_instructor.openclaw import consent, manifest
from openclaw_instructor.openclaw.consent import Confirm, agree
from openclaw_instructor.openclaw.folder import (
    digest,
    is_current,
    kept_unless_agreed,
    plugin_folder,
    refresh_plugin,
    sound_registry,
    write_plugin,
)
from openclaw_instructor.openclaw.host import GatewayError, GatewayUnavailable, Host, remembered
from openclaw_instructor.openclaw.installed import Form, Installed
from openclaw_instructor.openclaw.linking import link
from openclaw_instructor.openclaw.listening import nothing_listens
from openclaw_instructor.openclaw.program import typed
from openclaw_instructor.openclaw.report import LIVE, SyncReport
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings

_RETRY_SECONDS = 2.0
_PATIENT_SECONDS = 3600.0  # nobody waits for a sync that the daemon starts


def sync_if_enabled(settings: Settings) -> SyncReport | None:
    """Refresh the plugin folder after an edit of the registry, as the daemon does.

    With `openclaw_sync` in the configuration new tool names are loaded too: that setting is the owner's standing
    consent to tools of their own registry.

    Never raises for what may be wrong with OpenClaw: the problem is in the report.
    """
    registry = Registry.load(settings)
    if registry.problem:
        return SyncReport.of(settings, registry, "failed", f"{registry.problem}; OpenClaw keeps the tools it has")
    try:
        refresh_plugin(settings, registry)
        if settings.openclaw_sync and _out_of_step(settings, registry):
            return sync_plugin(settings, confirm=lambda tools: True, wait=_PATIENT_SECONDS)
    except (InstructorError, OSError) as error:
        return SyncReport.of(settings, registry, "failed", str(error))
    return None


def sync_plugin(
    settings: Settings, *, confirm: Confirm, wait: float = 120.0, force: bool = False, program: str | None = None
) -> SyncReport:
    """Generate the plugin again and have the running Gateway load it.

    A Gateway refuses while an agent turn runs; it is asked again for up to `wait` seconds. `force` loads an unchanged
    plugin too. A plugin that OpenClaw does not have, or has as a copy, is left alone. Raises as `install_plugin`.
    """
    started = time.monotonic()
    host = Host.find(settings, program)
    registry = sound_registry(settings)
    try:
        asked = None if nothing_listens(host) else _asked(settings, host)
    except GatewayUnavailable:
        asked = None
    installed = asked or Installed.find(host, settings)
    if left := _left_alone(settings, host, registry, installed):
        return left
    new = [name for name in manifest.tool_names(registry.tasks) if name not in installed.tools]
    if new:
        agree(new, confirm)
    with kept_unless_agreed(settings):
        written = write_plugin(settings, registry, host.release)
        if asked is None:
            report = link(settings, host, registry, ask_gateway=False)
        elif not force and remembered(settings, "loaded") == digest(plugin_folder(settings)):
            said = "agents already have these tools; --force loads them again"
            report = SyncReport.of(settings, registry, "current", said)
        else:
            report = _reload(settings, host, registry, confirm, new, wait)
    report.written, report.seconds = written, round(time.monotonic() - started, 1)
    return report


def _asked(settings: Settings, host: Host) -> Installed:
    """Ask the Gateway what it has of the plugin. Raises GatewayUnavailable."""
    try:
        found = host.call("plugins.inspect", {"pluginId": manifest.PLUGIN_ID})
    except GatewayError as error:
        if error.reason != "INVALID_REQUEST":
            raise
        return Installed("absent")
    form: Form = "copied"
    if found["source"]["kind"] == "path":
        form = "linked" if remembered(settings, "linked") == str(plugin_folder(settings)) else "linked elsewhere"
    return Installed(form, found["plugin"]["enabled"], tools=tuple(found["declared"]["tools"]))


def _left_alone(settings: Settings, host: Host, registry: Registry, installed: Installed) -> SyncReport | None:
    """Report what is not for a sync to change; None when there is something to keep in step."""
    install = typed(settings, "openclaw", "install")
    why = {
        "absent": f"OpenClaw does not have the plugin; install it with: {install}",
        "copied": f"OpenClaw has a copy, which cannot follow your tasks; link it instead with: {install}",
        "linked elsewhere": f"OpenClaw has the plugin of another home; link this one's instead with: {install}",
    }.get(installed.form)
    if why:
        return SyncReport.of(settings, registry, "absent" if installed.form == "absent" else "copied", why)
    if not installed.enabled:
        enable = host.typed("plugins", "enable", manifest.PLUGIN_ID)
        return SyncReport.of(settings, registry, "disabled", f"it is disabled in OpenClaw; run: {enable}")
    return None


def _reload(
    settings: Settings, host: Host, registry: Registry, confirm: Confirm, agreed: Sequence[str], wait: float
) -> SyncReport:
    parameters: dict[str, Any] = {"plugins": [{"pluginId": manifest.PLUGIN_ID}]}
    deadline = time.monotonic() + wait
    attempts = 0
    while True:
        attempts += 1
        try:
            host.call("plugins.reload", parameters)
        except GatewayError as error:
            if error.details.get("capabilityConsentCode") == consent.CODE:
                asked = consent.widened(host, error.details, registry)
                if more := [tool for tool in asked if tool not in agreed]:
                    agree(more, confirm)
                parameters["acknowledgeCapabilities"] = {"reviewToken": error.details["reviewToken"]}
                continue
            if error.reason != "UNAVAILABLE":
                raise
            if time.monotonic() > deadline:
                later = f"an agent turn kept OpenClaw busy for {wait:.0f} s; run sync again. "
                later += f"Until then new tasks run through {manifest.GENERIC_TOOL}"
                return replace(SyncReport.of(settings, registry, "pending", later), attempts=attempts)
            time.sleep(_RETRY_SECONDS)
            continue
        host.remember(settings, loaded=digest(plugin_folder(settings)))
        return replace(SyncReport.of(settings, registry, "live", LIVE), attempts=attempts)


def _out_of_step(settings: Settings, registry: Registry) -> bool:
    """Whether a sync would have something to load, by the plugin folder."""
    folder = plugin_folder(settings)
    if not (folder / manifest.MANIFEST).is_file():
        return False
    return not is_current(settings, registry) or remembered(settings, "loaded") != digest(folder)
