"""Take everything out of OpenClaw that this program put there: each step is told before any is taken."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.errors import OpenClawMissing
from openclaw_instructor.openclaw import configuration, decision_model, memory_search
from openclaw_instructor.openclaw.folder import plugin_folder
from openclaw_instructor.openclaw.host import Host, record_path
from openclaw_instructor.openclaw.installed import Installed
from openclaw_instructor.openclaw.manifest import PLUGIN_ID
from openclaw_instructor.settings import Settings


@dataclass(frozen=True)
class Step:
    """One thing to take away: `part` names it, `says` is what happens to it, `take` does it."""

    part: str
    says: str
    take: Callable[[], object]

    def as_dict(self) -> dict[str, str]:
        """Return what is told of the step."""
        return {"part": self.part, "says": self.says}


def plan(settings: Settings, *, purge: bool = False, program: str | None = None) -> list[Step]:
    """List what there is to take away; nothing is done yet. Raises OpenClawFailed.

    Without an OpenClaw on this machine only the daemon and the files in home are left.
    """
    steps: list[Step] = []
    try:
        host = Host.find(settings, program)
    except OpenClawMissing:
        pass
    else:
        steps += _in_openclaw(settings, host)
    if lifecycle.status(settings)["running"]:
        steps.append(Step("daemon", "stop the daemon of this home", lambda: lifecycle.stop(settings)))
    if purge:
        if settings.home.exists():
            says = f"delete {settings.home}: the index, your tasks, corrections and configuration"
            steps.append(Step("home", says, lambda: shutil.rmtree(settings.home)))
    elif plugin_folder(settings).exists() or record_path(settings).exists():
        says = f"delete {plugin_folder(settings)} and what is remembered of OpenClaw; the rest of {settings.home} stays"
        steps.append(Step("plugin folder", says, lambda: _forget(settings)))
    return steps


def _in_openclaw(settings: Settings, host: Host) -> list[Step]:
    steps = []
    with ThreadPoolExecutor(1) as pool:
        finding = pool.submit(Installed.find, host, settings)
        file = configuration.file_of(host)
        names = ("memory", "models", "agents", "plugins")
        memory, models, agents, plugins = configuration.sections(host, file, names)
        installed = finding.result()
    changes = memory_search.removal(settings, memory, models)
    if changes:
        says = "take the memory block out of OpenClaw's configuration; its memory search uses OpenClaw's default again"
        steps.append(Step("memory", says, _patching(host, file, changes)))
    changes = decision_model.removal(settings, agents)
    if changes:
        steps.append(Step("decision model", "no longer select our decision model", _patching(host, file, changes)))
    if installed.form == "linked elsewhere":
        # The owner's other home is not this one's to take away.
        return steps
    if installed.form != "absent":
        says = "uninstall the plugin from OpenClaw"
        steps.append(Step("plugin", says, lambda: host.run("plugins", "uninstall", PLUGIN_ID, "--force")))
    if installed.form != "absent" or PLUGIN_ID in (plugins.get("entries") or {}):
        forget = _patching(host, file, {"plugins": {"entries": {PLUGIN_ID: None}}})
        steps.append(Step("plugin entry", f"delete plugins.entries.{PLUGIN_ID} from OpenClaw's configuration", forget))
    return steps


def _patching(host: Host, file: Path, changes: Mapping[str, Any]) -> Callable[[], object]:
    def change() -> None:
        configuration.keep(file)
        configuration.patch(host, changes)

    return change


def _forget(settings: Settings) -> None:
    if plugin_folder(settings).exists():
        shutil.rmtree(plugin_folder(settings))
    record_path(settings).unlink(missing_ok=True)
