"""Check each step between an OpenClaw agent and its tools, with a fix for what fails."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from openclaw_instructor.doctor.finding import Finding
from openclaw_instructor.errors import InstructorError, OpenClawFailed, OpenClawMissing
from openclaw_instructor.openclaw import package
from openclaw_instructor.openclaw.host import GatewayDown, GatewayError, Host
from openclaw_instructor.openclaw.sync import plugin_folder
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings

_NODE_FLOOR = (24, 16)
_NARROW_PROFILES = ("minimal", "coding", "messaging")
_INSTALL = "openclaw-instructor openclaw install"


def examine(settings: Settings, program: str | None = None) -> list[Finding]:
    """Collect all findings, from the program to the tools; stop where later checks are impossible."""
    return list(_examine(settings, program))


def _examine(settings: Settings, program: str | None) -> Iterator[Finding]:
    registry = Registry.load(settings)
    yield _registry(registry, settings)
    yield _daemon(settings)
    try:
        host = Host.find(settings, program)
    except OpenClawMissing as error:
        message, _, fix = error.message.partition("; ")
        yield Finding("openclaw", "fail", message, fix)
        return
    yield _node(host)
    with ThreadPoolExecutor(3) as pool:
        version, file = pool.submit(_version, host), pool.submit(_configuration_file, host)
        plugin = pool.submit(lambda: list(_plugin(host, settings, registry)))
        sections = pool.map(lambda name: _section(host, name), ("plugins", "tools", "agents"))
        yield version.result()
        yield file.result()
        yield from plugin.result()
    plugins, tools, agents = sections
    yield _allowed(plugins)
    yield from _visible(tools, agents, registry)


def _registry(registry: Registry, settings: Settings) -> Finding:
    if registry.problem:
        return Finding(
            "tasks", "fail", registry.problem, f"correct {settings.instructions_path}; until then earlier tasks stay"
        )
    return Finding("tasks", "ok", f"{len(registry.tasks)} tasks: {', '.join(registry.tasks)}")


def _daemon(settings: Settings) -> Finding:
    from openclaw_instructor.daemon import lifecycle

    state = lifecycle.status(settings)
    if not state["running"]:
        return Finding("daemon", "ok", "not running; the first tool call starts it")
    if not state["answers"]:
        message = f"process {state['pid']} lives but does not answer at {state['url']}; its log is {state['log']}"
        return Finding("daemon", "fail", message, f"openclaw-instructor --home {settings.home} daemon stop")
    return Finding("daemon", "ok", f"answers at {state['url']} (process {state['pid']})")


def _node(host: Host) -> Finding:
    node = shutil.which("node", path=host.environment["PATH"])
    if node is None:
        return Finding("node", "fail", "no `node` on PATH", "install Node 24.16 or newer")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout.strip()
    found = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    if found < _NODE_FLOOR:
        return Finding("node", "fail", f"{node} is {said}; OpenClaw needs 24.16 or newer", "update Node")
    return Finding("node", "ok", f"{said} at {node}")


def _version(host: Host) -> Finding:
    try:
        said = host.run("--version", timeout=60).strip()
    except InstructorError as error:
        return Finding("openclaw", "fail", error.message, "npm install -g openclaw")
    found = re.search(r"(?<!\d)\d+(?:\.\d+)+", said)
    release = found[0] if found else said
    if _numbers(release) < _numbers(package.TESTED_OPENCLAW):
        advice = f"update it: npm install -g openclaw@{package.TESTED_OPENCLAW}"
        return Finding(
            "openclaw", "warn", f"{release} is older than {package.TESTED_OPENCLAW}, which is tested", advice
        )
    return Finding("openclaw", "ok", f"{release} at {host.program}")


def _configuration_file(host: Host) -> Finding:
    try:
        said = host.run("config", "file", timeout=60).strip()
    except InstructorError as error:
        return Finding("configuration", "fail", error.message, "openclaw doctor")
    path = Path(said.splitlines()[-1]).expanduser() if said else Path()
    state = host.environment.get("OPENCLAW_STATE_DIR") or str(path.parent)
    if not path.is_file():
        return Finding("configuration", "warn", f"{path} does not exist yet (state in {state})", "openclaw onboard")
    return Finding("configuration", "ok", f"{path} (state in {state})")


def _plugin(host: Host, settings: Settings, registry: Registry) -> Iterator[Finding]:
    """Check that the plugin is installed, enabled and declares the tools, by the Gateway or the command line."""
    try:
        answer = host.call("plugins.inspect", {"pluginId": package.PLUGIN_ID}, timeout=30)
        yield Finding("gateway", "ok", "answers")
        enabled, tools = answer["plugin"]["enabled"], answer["declared"]["tools"]
    except GatewayDown as error:
        yield Finding(
            "gateway", "warn", f"not running ({error})", "start it when you want agents: openclaw gateway run"
        )
        found = host.found_plugin(package.PLUGIN_ID)
        if found is None:
            yield Finding("plugin", "fail", "OpenClaw does not have the plugin", _INSTALL)
            return
        enabled, tools = found["enabled"], found.get("contracts", {}).get("tools", [])
    except GatewayError:
        yield Finding("gateway", "ok", "answers")
        yield Finding("plugin", "fail", "OpenClaw does not have the plugin", _INSTALL)
        return
    except OpenClawFailed as error:
        yield Finding("gateway", "fail", error.message, "openclaw doctor")
        return
    if not enabled:
        yield Finding("plugin", "fail", "installed, but disabled", f"openclaw plugins enable {package.PLUGIN_ID}")
    else:
        yield Finding("plugin", "ok", f"installed and enabled with {len(tools)} tools")
    yield _in_step(settings, registry, tools)


def _in_step(settings: Settings, registry: Registry, tools: Sequence[str]) -> Finding:
    missing = [name for name in registry.tasks if name not in tools]
    gone = [name for name in tools if name not in registry.tasks and name != package.GENERIC_TOOL]
    if not missing and not gone:
        return Finding("in step", "ok", "the plugin declares exactly the tasks of the registry")
    parts = [f"{word} {', '.join(names)}" for word, names in (("lacks", missing), ("still declares", gone)) if names]
    linked = (plugin_folder(settings) / package.MANIFEST).is_file()
    fix = "openclaw-instructor openclaw sync" if linked else _INSTALL
    return Finding("in step", "warn", f"the plugin {' and '.join(parts)}", fix)


def _allowed(plugins: Mapping[str, Any]) -> Finding:
    allow, deny = plugins.get("allow") or [], plugins.get("deny") or []
    if package.PLUGIN_ID in deny:
        return Finding("allowed", "fail", "plugins.deny names it", f"take {package.PLUGIN_ID} out of plugins.deny")
    if plugins.get("enabled") is False:
        return Finding("allowed", "fail", "plugins.enabled is false", "openclaw config set plugins.enabled true")
    if allow and package.PLUGIN_ID not in allow:
        return Finding("allowed", "fail", "plugins.allow does not name it", f"add {package.PLUGIN_ID} to plugins.allow")
    return Finding(
        "allowed", "ok", "plugins.allow names it" if allow else "plugins.allow is not set: every plugin may load"
    )


def _visible(tools: Mapping[str, Any], agents: Mapping[str, Any], registry: Registry) -> Iterator[Finding]:
    """Check that the tool policy shows the tools, for the default and for each agent with its own policy."""
    yield _policy_finding("visible", [("tools", tools)], registry)
    for agent, entry in (agents.get("entries") or {}).items():
        if own := entry.get("tools"):
            layers = [("tools", tools), (f"agents.entries.{agent}.tools", own)]
            yield _policy_finding(f"visible to {agent}", layers, registry)


def _policy_finding(check: str, layers: Sequence[tuple[str, Mapping[str, Any]]], registry: Registry) -> Finding:
    """Check that every layer of OpenClaw's tool policy lets the tools pass.

    OpenClaw asks one layer after the other; of the profile and the tools allowed in addition, the last entry counts.
    """
    for where, policy in layers:
        if denied := _naming_us(policy.get("deny"), registry):
            fix = f"take that out of {where}.deny"
            return Finding(check, "fail", f"{where}.deny hides it ({', '.join(denied)})", fix)
        if policy.get("allow") and not _naming_us(policy["allow"], registry):
            return Finding(check, "fail", f"{where}.allow leaves it out", f"add {package.PLUGIN_ID} to {where}.allow")
    profile = next((policy["profile"] for _, policy in reversed(layers) if policy.get("profile")), "unset")
    also: Sequence[str] = next((policy["alsoAllow"] for _, policy in reversed(layers) if policy.get("alsoAllow")), [])
    granted = _naming_us(also, registry)
    if profile in _NARROW_PROFILES and not granted:
        value = json.dumps([*also, package.PLUGIN_ID])
        fix = f"openclaw config set {layers[-1][0]}.alsoAllow '{value}' --strict-json"
        return Finding(check, "fail", f"the tool profile `{profile}` hides plugin tools", fix)
    return Finding(check, "ok", f"tool profile {profile}" + (f", granted by {granted[0]}" if granted else ""))


def _naming_us(patterns: Sequence[str] | None, registry: Registry) -> list[str]:
    """Return the patterns that match the plugin or one of its tools."""
    tools = [*registry.tasks, package.GENERIC_TOOL]
    whole = (package.PLUGIN_ID, "group:plugins")
    return [each for each in patterns or [] if each in whole or any(fnmatchcase(tool, each) for tool in tools)]


def _section(host: Host, name: str) -> Mapping[str, Any]:
    try:
        value = json.loads(host.run("config", "get", name, "--json", timeout=60))
    except (InstructorError, ValueError):
        return {}  # the path is unset
    return value if isinstance(value, dict) else {}


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release))
