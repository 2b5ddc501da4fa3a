"""Check each step between an OpenClaw agent and its tools, with a fix for what fails."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openclaw_instructor.doctor import gateway, memory, plugin, tool_policy
from openclaw_instructor.doctor.finding import Finding
from openclaw_instructor.errors import InstructorError, OpenClawFailed, OpenClawMissing
from openclaw_instructor.openclaw import configuration
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.openclaw.installed import Installed
from openclaw_instructor.openclaw.manifest import TESTED_OPENCLAW
from openclaw_instructor.openclaw.program import typed
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings

_NODE_FLOOR = (24, 16)
_SECTIONS = ("plugins", "tools", "agents", "memory", "models")


def examine(settings: Settings, program: str | None = None) -> list[Finding]:
    """Collect all findings, from the program to the tools; stop where later checks are impossible."""
    return list(_examine(settings, program))


def _examine(settings: Settings, program: str | None) -> Iterator[Finding]:
    registry = Registry.load(settings)
    yield _registry(registry, settings)
    yield from _collections(registry, settings)
    yield _daemon(settings)
    try:
        host = Host.find(settings, program)
    except OpenClawMissing as error:
        message, _, fix = error.message.partition("; ")
        yield Finding("openclaw", "fail", message, fix)
        return
    # Each start of the program costs a second or more.
    with ThreadPoolExecutor(3) as pool:
        asking = pool.submit(gateway.ask, host)
        file = pool.submit(_configuration_file, host)
        finding = pool.submit(Installed.find, host, settings)
        runs = _version(host)
        yield _node(host, runs.level != "fail")
        yield runs
        path, found = file.result()
        try:
            installed = finding.result()
            config = dict(zip(_SECTIONS, configuration.sections(host, path, _SECTIONS), strict=True))
        except OpenClawFailed as error:
            # What can be read of the configuration then says nothing about what is in force.
            yield found if found.level == "fail" else _invalid(host, path, error)
            return
        yield found
        state = asking.result()
        yield gateway.finding(host, state)
    yield from plugin.findings(plugin.Subject(settings, host, registry, installed, state, config["plugins"]))
    yield from tool_policy.findings(host, config["tools"], config["agents"], registry)
    yield from memory.findings(settings, host, config["memory"], config["models"])


def _registry(registry: Registry, settings: Settings) -> Finding:
    if registry.problem:
        return Finding("tasks", "fail", registry.problem, typed(settings, "tasks", "check"))
    return Finding("tasks", "ok", f"{len(registry.tasks)} tasks: {', '.join(registry.tasks)}")


def _collections(registry: Registry, settings: Settings) -> Iterator[Finding]:
    """Check that what the search tasks search exists."""
    from openclaw_instructor.index.names import without_collection

    for name, wanted in without_collection(registry.tasks.values(), settings):
        message = f"`{name}` searches the collection `{wanted}`, which does not exist"
        yield Finding("collections", "warn", message, typed(settings, "index", "add", wanted, "~/Documents"))


def _daemon(settings: Settings) -> Finding:
    from openclaw_instructor.daemon import lifecycle

    state = lifecycle.status(settings)
    if not state["running"]:
        return Finding("daemon", "ok", "not running; the first tool call starts it")
    if not state["answers"]:
        message = f"process {state['pid']} lives but does not answer at {state['url']}; its log is {state['log']}"
        return Finding("daemon", "fail", message, typed(settings, "daemon", "stop"))
    return Finding("daemon", "ok", f"answers at {state['url']} (process {state['pid']})")


def _node(host: Host, openclaw_runs: bool) -> Finding:
    node = shutil.which("node", path=host.environment["PATH"])
    if node is None:
        if openclaw_runs:
            return Finding("node", "ok", "none on PATH; OpenClaw brings its own")
        return Finding("node", "fail", "no `node` on PATH", "install Node 24.16 or newer from https://nodejs.org")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout.strip()
    found = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    if found >= _NODE_FLOOR:
        return Finding("node", "ok", f"{said} at {node}")
    if openclaw_runs:
        return Finding("node", "ok", f"{said} comes first on PATH ({node}), but OpenClaw runs with another")
    fix = "install Node 24.16 or newer from https://nodejs.org, or put it first on PATH"
    return Finding("node", "fail", f"{node} is {said}; OpenClaw needs 24.16 or newer", fix)


def _version(host: Host) -> Finding:
    try:
        said = host.run("--version", timeout=60).strip()
    except InstructorError as error:
        return Finding("openclaw", "fail", error.message, f"npm install -g openclaw@{TESTED_OPENCLAW}")
    found = re.search(r"(?<!\d)\d+(?:\.\d+)+", said)
    release = found[0] if found else said
    if _numbers(release) < _numbers(TESTED_OPENCLAW):
        message = f"{release} is older than {TESTED_OPENCLAW}, which is tested"
        return Finding("openclaw", "warn", message, f"npm install -g openclaw@{TESTED_OPENCLAW}")
    return Finding("openclaw", "ok", f"{release} at {host.program}")


def _configuration_file(host: Host) -> tuple[Path, Finding]:
    """Return the path of the configuration, "." where there is none, and what is to be said of the file."""
    try:
        path = configuration.file_of(host)
    except InstructorError as error:
        return Path(), Finding("configuration", "fail", error.message, host.typed("doctor"))
    state = host.environment.get("OPENCLAW_STATE_DIR") or str(path.parent)
    if not path.is_file():
        missing = f"{path} does not exist yet (state in {state})"
        return path, Finding("configuration", "warn", missing, host.typed("onboard"))
    content = configuration.plain(path)
    if content is not None and not configuration.section(content, "gateway").get("mode"):
        message = f"{path} has no gateway.mode, without which a Gateway does not start"
        return path, Finding("configuration", "warn", message, host.typed("config", "set", "gateway.mode", "local"))
    return path, Finding("configuration", "ok", f"{path} (state in {state})")


def _invalid(host: Host, path: Path, error: OpenClawFailed) -> Finding:
    what, _, fix = error.message.rpartition("; run: ")
    return Finding("configuration", "fail", f"{path}: {what or error.message}", fix or host.typed("doctor"))


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release))
