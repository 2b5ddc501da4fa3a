"""Tell how OpenClaw has the plugin, whether it may load it, and whether its program runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_instructor import __version__, distribution
from openclaw_instructor.doctor.finding import Finding
from openclaw_instructor.doctor.gateway import Gateway
from openclaw_instructor.openclaw import manifest
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.openclaw.installed import Installed
from openclaw_instructor.openclaw.manifest import PLUGIN_ID
from openclaw_instructor.openclaw.package import TOOLS
from openclaw_instructor.openclaw.program import command_line, typed
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings


@dataclass(frozen=True)
class Subject:
    """What is examined; `plugins` is that section of OpenClaw's configuration."""

    settings: Settings
    host: Host
    registry: Registry
    installed: Installed
    gateway: Gateway
    plugins: Mapping[str, Any]

    @property
    def entry(self) -> Mapping[str, Any]:
        """The plugin's own entry in the configuration."""
        entry: Mapping[str, Any] = (self.plugins.get("entries") or {}).get(PLUGIN_ID) or {}
        return entry

    @property
    def install(self) -> str:
        """The command that links the plugin, whatever is there."""
        return typed(self.settings, "openclaw", "install")


def findings(subject: Subject) -> Iterator[Finding]:
    """Collect what there is to say of the plugin."""
    yield _allowed(subject)
    yield _form(subject)
    if subject.installed.form == "absent":
        return
    yield _in_step(subject)
    yield _program(subject)
    yield from _skills(subject)


def _form(subject: Subject) -> Finding:
    installed = subject.installed
    if installed.form == "absent":
        return Finding("plugin", "fail", "OpenClaw does not have the plugin", subject.install)
    if installed.problem:
        look = subject.host.typed("plugins", "inspect", PLUGIN_ID, "--runtime")
        fix = look if installed.root else subject.install
        return Finding("plugin", "fail", f"OpenClaw refuses to load it: {installed.problem}", fix)
    if not installed.enabled:
        enable = subject.host.typed("plugins", "enable", PLUGIN_ID)
        return Finding("plugin", "fail", f"{installed.form}, but disabled", enable)
    if not subject.gateway.why and subject.gateway.plugin is None:
        fix = subject.host.typed("gateway", "restart")
        return Finding("plugin", "fail", f"{installed.form}, but the running Gateway has not loaded it", fix)
    if installed.form == "copied":
        message = f"a copy at {installed.root}, which does not follow your tasks"
        return Finding("plugin", "warn", message, subject.install)
    if installed.form == "linked elsewhere":
        return Finding("plugin", "warn", f"linked to another home's folder, {installed.root}", subject.install)
    return Finding("plugin", "ok", f"linked and enabled with {len(installed.tools)} tools")


def _in_step(subject: Subject) -> Finding:
    loaded = subject.gateway.plugin
    tools: Sequence[str] = loaded["declared"]["tools"] if loaded else subject.installed.tools
    tasks = subject.registry.tasks
    missing = [name for name in tasks if name not in tools]
    gone = [name for name in tools if name not in tasks and name != manifest.GENERIC_TOOL]
    if not missing and not gone:
        return Finding("in step", "ok", "the plugin declares exactly the tasks of the registry")
    parts = [f"{word} {', '.join(names)}" for word, names in (("lacks", missing), ("still declares", gone)) if names]
    linked = subject.installed.form == "linked"
    fix = typed(subject.settings, "openclaw", "sync") if linked else subject.install
    return Finding("in step", "warn", f"the plugin {' and '.join(parts)}", fix)


def _allowed(subject: Subject) -> Finding:
    host, plugins = subject.host, subject.plugins
    allow, deny = plugins.get("allow") or [], plugins.get("deny") or []
    if PLUGIN_ID in deny:
        fix = _set(host, "plugins.deny", [name for name in deny if name != PLUGIN_ID])
        return Finding("allowed", "fail", "plugins.deny names it", fix)
    if plugins.get("enabled") is False:
        return Finding("allowed", "fail", "plugins.enabled is false", _set(host, "plugins.enabled", True))
    if allow and PLUGIN_ID not in allow:
        fix = _set(host, "plugins.allow", [*allow, PLUGIN_ID])
        return Finding("allowed", "fail", "plugins.allow does not name it", fix)
    said = "plugins.allow names it" if allow else "plugins.allow is not set: every plugin may load"
    return Finding("allowed", "ok", said)


def _program(subject: Subject) -> Finding:
    """Run the program that the plugin would start the daemon with."""
    configured = (subject.entry.get("config") or {}).get("command")
    generated = _generated_command(subject.installed.root)
    argv = [configured] if configured else generated or [distribution.NAME]
    where = "config.command" if configured else TOOLS if generated else "PATH"
    if not (found := shutil.which(argv[0], path=subject.host.environment["PATH"])):
        message = f"the plugin starts {argv[0]} ({where}), which is not there: no tool can work"
        return Finding("program", "fail", message, _to_the_program(subject, configured))
    try:
        done = subprocess.run([found, *argv[1:], "--version"], capture_output=True, text=True, timeout=60, check=False)
        said, ran = (done.stdout or done.stderr).strip(), done.returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        said, ran = str(error), False
    if not ran:
        message = f"the plugin starts {found} ({where}), which does not run: {said[-300:]}"
        return Finding("program", "fail", message, _to_the_program(subject, configured))
    if __version__ not in said:
        message = f"the plugin starts {found} ({where}), which is {said}; this is {__version__}"
        return Finding("program", "warn", message, _to_the_program(subject, configured))
    return Finding("program", "ok", f"{found} ({where}) runs")


def _generated_command(root: Path | None) -> list[str]:
    try:
        specs = json.loads((root / TOOLS).read_text(encoding="utf-8")) if root else {}
    except (OSError, ValueError):
        return []
    return [str(part) for part in specs.get("command") or []]


def _to_the_program(subject: Subject, configured: str | None) -> str:
    if not configured and subject.installed.form == "linked":
        return typed(subject.settings, "openclaw", "install")
    program = command_line(subject.settings)[0]
    if configured and Path(program).is_absolute():
        return _set(subject.host, f"plugins.entries.{PLUGIN_ID}.config.command", program)
    return subject.install


def _skills(subject: Subject) -> Iterator[Finding]:
    """Name a copy's skills that OpenClaw hides because they ask for the program on the Gateway's PATH."""
    root = subject.installed.root
    if root is None or shutil.which(distribution.NAME, path=subject.host.environment["PATH"]):
        return
    needy = [
        path.parent.name
        for path in sorted(root.glob("skills/*/SKILL.md"))
        if '"requires"' in path.read_text(encoding="utf-8", errors="replace")
    ]
    if needy:
        message = f"OpenClaw hides {', '.join(needy)}: they ask for {distribution.NAME} on PATH"
        yield Finding("skills", "warn", message, subject.install)


def _set(host: Host, path: str, value: object) -> str:
    return host.typed("config", "set", path, json.dumps(value), "--strict-json")
