"""Keep an OpenClaw up to date with the user's registry: its plugin folder is in home, and reloaded while it runs.

What an agent sees changes in two steps. Tool specs and skills are files that OpenClaw reads again each turn, so
`refresh_plugin` is enough for them, and a new task runs through `instructor_task` at once. A new tool *name* has to be
declared in the manifest, agreed to by the owner and loaded: that is `sync_plugin`.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.errors import ConsentNeeded, InstructorError, InvalidRegistry, OpenClawFailed
from openclaw_instructor.openclaw import package
from openclaw_instructor.openclaw.host import GatewayDown, GatewayError, Host, remembered
from openclaw_instructor.paths import write_whole
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings

Confirm = Callable[[Sequence[str]], bool]
"""Asks the owner whether OpenClaw may offer these tools to its agents."""

_RETRY_SECONDS = 2.0
_PATIENT_SECONDS = 3600.0  # nobody waits for a sync that the daemon starts
_LIVE = "agents have these tools from their next turn"
_DISABLED = f"it is disabled in OpenClaw; run: openclaw plugins enable {package.PLUGIN_ID}"
_CONSENT = "PLUGIN_CAPABILITY_CONSENT_REQUIRED"


@dataclass
class SyncReport:
    """What a sync did, and the resulting state in OpenClaw.

    `state`: live (agents have the tools from their next turn), current (they had them already), saved (no Gateway runs;
    the next start loads them), pending (the Gateway stayed busy), disabled or absent (nothing was done).
    """

    state: str
    message: str
    folder: str
    tools: list[str]
    written: list[str] = field(default_factory=list)
    attempts: int = 0
    """How often the Gateway was asked to load it."""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return asdict(self)


def plugin_folder(settings: Settings) -> Path:
    """Return the folder of the plugin generated from the user's registry."""
    return settings.home / "openclaw-plugin"


def write_plugin(settings: Settings, registry: Registry) -> list[str]:
    """Generate the plugin folder; returns the paths that changed."""
    return _write(plugin_folder(settings), package.plugin_files(registry.tasks, command_line(settings)), whole=True)


def refresh_plugin(settings: Settings, registry: Registry) -> list[str]:
    """Update specs and skills of an already generated plugin folder, so that the next turn shows them."""
    folder = plugin_folder(settings)
    if not (folder / package.MANIFEST).is_file():
        return []
    return _write(folder, package.live_files(registry.tasks, command_line(settings)), whole=False)


def sync_if_enabled(settings: Settings) -> SyncReport | None:
    """Refresh the plugin folder after an edit of the registry, as the daemon does.

    With `openclaw_sync` in the configuration new tool names are loaded too: that setting is the owner's standing
    consent to tools of their own registry.

    Never raises for what may be wrong with OpenClaw: the problem is in the report.
    """
    registry = Registry.load(settings)
    if registry.problem:
        return _report(settings, registry, "failed", f"{registry.problem}; OpenClaw keeps the tools it has")
    try:
        refresh_plugin(settings, registry)
        if settings.openclaw_sync and _out_of_step(settings, registry):
            return sync_plugin(settings, confirm=lambda tools: True, install=False, wait=_PATIENT_SECONDS)
    except (InstructorError, OSError) as error:
        return _report(settings, registry, "failed", str(error))
    return None


def install_plugin(settings: Settings, *, confirm: Confirm, program: str | None = None) -> SyncReport:
    """Generate the plugin from the user's registry and link it into OpenClaw, enabled.

    Raises ConsentNeeded, InvalidRegistry, OpenClawMissing, OpenClawFailed.
    """
    started = time.monotonic()
    host = Host.find(settings, program)
    registry = _sound_registry(settings)
    written = write_plugin(settings, registry)
    return _finish(_link(settings, host, registry, confirm), written, started)


def sync_plugin(
    settings: Settings,
    *,
    confirm: Confirm,
    wait: float = 120.0,
    force: bool = False,
    install: bool = True,
    program: str | None = None,
) -> SyncReport:
    """Generate the plugin again and have the running Gateway load it.

    A Gateway refuses while an agent turn runs; it is asked again for up to `wait` seconds. `force` loads an unchanged
    plugin too; without `install` a plugin that OpenClaw does not have stays absent. Raises as `install_plugin`.
    """
    started = time.monotonic()
    host = Host.find(settings, program)
    registry = _sound_registry(settings)
    written = write_plugin(settings, registry)
    try:
        report = _bring_up_to_date(settings, host, registry, confirm, wait, force, install)
    except GatewayDown:
        report = _link_offline(settings, host, registry, confirm, install)
    return _finish(report, written, started)


def _sound_registry(settings: Settings) -> Registry:
    """Load the registry; raise InvalidRegistry for a broken file.

    What is read from one lacks tasks that OpenClaw has by now; they must not vanish there for it.
    """
    registry = Registry.load(settings)
    if registry.problem:
        raise InvalidRegistry(f"OpenClaw keeps the tools it has, because {registry.problem}")
    return registry


def command_line(settings: Settings) -> list[str]:
    """Return the command line by which OpenClaw starts the running installation, with this home."""
    beside = Path(sys.executable).parent / package.PLUGIN_ID
    program = str(beside) if beside.is_file() else shutil.which(package.PLUGIN_ID)
    return [program, "--home", str(settings.home)] if program else lifecycle.command_line(settings)


def _bring_up_to_date(
    settings: Settings, host: Host, registry: Registry, confirm: Confirm, wait: float, force: bool, install: bool
) -> SyncReport:
    try:
        found = host.call("plugins.inspect", {"pluginId": package.PLUGIN_ID})
    except GatewayError as error:
        if error.reason != "INVALID_REQUEST":
            raise
        if not install:
            return _report(settings, registry, "absent", "OpenClaw does not have the plugin")
        return _link(settings, host, registry, confirm)
    if not _linked_here(settings) or found["source"]["kind"] != "path":
        return _link(settings, host, registry, confirm)
    if not found["plugin"]["enabled"]:
        return _report(settings, registry, "disabled", _DISABLED)
    if not force and remembered(settings, "loaded") == _digest(plugin_folder(settings)):
        return _report(settings, registry, "current", "agents already have these tools; --force loads them again")
    return _reload(settings, host, registry, confirm, wait)


def _link_offline(settings: Settings, host: Host, registry: Registry, confirm: Confirm, install: bool) -> SyncReport:
    """Link the plugin again without a Gateway, to be read at the next start.

    Not if its owner has taken it out or switched it off.
    """
    found = host.found_plugin(package.PLUGIN_ID)
    if not install and (found is None or not _linked_here(settings)):
        return _report(settings, registry, "absent", "OpenClaw does not have the plugin")
    if found is not None and not found["enabled"]:
        return _report(settings, registry, "disabled", _DISABLED)
    return _link(settings, host, registry, confirm)


def _linked_here(settings: Settings) -> bool:
    return bool(remembered(settings, "linked") == str(plugin_folder(settings)))


def _reload(settings: Settings, host: Host, registry: Registry, confirm: Confirm, wait: float) -> SyncReport:
    parameters: dict[str, Any] = {"plugins": [{"pluginId": package.PLUGIN_ID}]}
    deadline = time.monotonic() + wait
    attempts = 0
    while True:
        attempts += 1
        try:
            host.call("plugins.reload", parameters)
        except GatewayError as error:
            if error.details.get("capabilityConsentCode") == _CONSENT:
                _agree(_widened(error.details, registry), confirm)
                parameters["acknowledgeCapabilities"] = {"reviewToken": error.details["reviewToken"]}
                continue
            if error.reason != "UNAVAILABLE":
                raise
            if time.monotonic() > deadline:
                later = f"an agent turn kept OpenClaw busy for {wait:.0f} s; run sync again. "
                later += f"Until then new tasks run through {package.GENERIC_TOOL}"
                return replace(_report(settings, registry, "pending", later), attempts=attempts)
            time.sleep(_RETRY_SECONDS)
            continue
        host.remember(settings, loaded=_digest(plugin_folder(settings)))
        return replace(_report(settings, registry, "live", _LIVE), attempts=attempts)


def _widened(details: Mapping[str, Any], registry: Registry) -> list[str]:
    """List the tools OpenClaw asks consent for. Raises when it is about more than the tools of this registry."""
    widened = dict(details.get("widened") or {})
    tools = [str(tool) for tool in widened.pop("tools", [])]
    contracts = set(widened.pop("contracts", [])) - {f"tools: {tool}" for tool in tools}
    strange = set(tools) - {*registry.tasks, package.GENERIC_TOOL}
    if strange or contracts or any(widened.values()):
        more = sorted(strange | contracts | {name for name, value in widened.items() if value})
        raise ConsentNeeded(
            f"OpenClaw asks for more than the tools of the registry ({', '.join(more)}); review it yourself: "
            f"openclaw plugins reload {package.PLUGIN_ID}"
        )
    return tools


def _agree(tools: Sequence[str], confirm: Confirm) -> None:
    if not confirm(tools):
        raise ConsentNeeded(
            f"OpenClaw needs your consent to offer {', '.join(tools) or 'the changed plugin'} to its agents; "
            "run the command again and agree, or pass --yes"
        )


def _link(settings: Settings, host: Host, registry: Registry, confirm: Confirm) -> SyncReport:
    folder = plugin_folder(settings)
    _agree([*registry.tasks, package.GENERIC_TOOL], confirm)
    said = host.run("plugins", "install", "-l", str(folder), "--force", "--accept-capabilities")
    # An earlier uninstall leaves `enabled: false`, which a link does not change.
    said = host.run("plugins", "enable", package.PLUGIN_ID, "--accept-capabilities") if _left_disabled(host) else said
    host.remember(settings, linked=str(folder), loaded=_digest(folder))
    if "Saved for the next" in said:
        return _report(settings, registry, "saved", "no Gateway is running; its next start loads these tools")
    return _report(settings, registry, "live", _LIVE)


def _left_disabled(host: Host) -> bool:
    try:
        return host.run("config", "get", f"plugins.entries.{package.PLUGIN_ID}.enabled", "--json").strip() == "false"
    except OpenClawFailed:
        return False  # the path is unset


def _write(folder: Path, files: Mapping[str, str], *, whole: bool) -> list[str]:
    changed = []
    for path, text in files.items():
        target = folder / path
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            write_whole(target, text)
            changed.append(path)
    if whole:
        for skill in set(package.skill_names()) - {Path(path).parent.name for path in files}:
            if (folder / "skills" / skill).is_dir():
                shutil.rmtree(folder / "skills" / skill)
                changed.append(f"skills/{skill}")
    return changed


def _out_of_step(settings: Settings, registry: Registry) -> bool:
    """Whether a sync would have something to load, by the plugin folder."""
    if not (plugin_folder(settings) / package.MANIFEST).is_file():
        return False
    written = write_plugin(settings, registry)
    return bool(written) or remembered(settings, "loaded") != _digest(plugin_folder(settings))


def _digest(folder: Path) -> str:
    """Hash everything that needs a reload to take effect: all but the tool specs."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / package.TOOLS):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _report(settings: Settings, registry: Registry, state: str, message: str) -> SyncReport:
    tools = [*registry.tasks, package.GENERIC_TOOL]
    return SyncReport(state, message, str(plugin_folder(settings)), tools)


def _finish(report: SyncReport, written: list[str], started: float) -> SyncReport:
    report.written = written
    report.seconds = round(time.monotonic() - started, 1)
    return report
