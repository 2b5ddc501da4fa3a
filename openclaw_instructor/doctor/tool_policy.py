"""Tell whether OpenClaw's tool policy shows the tools: by profile, lists, provider and sandbox, for each agent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from openclaw_instructor.doctor.finding import Finding
from openclaw_instructor.openclaw import manifest
from openclaw_instructor.openclaw.host import Host
from openclaw_instructor.openclaw.manifest import PLUGIN_ID
from openclaw_instructor.registry import Registry

_NARROW_PROFILES = ("minimal", "coding", "messaging")
Section = Mapping[str, Any]


class _Layer(NamedTuple):
    """One layer of the policy: its path in the configuration, and what stands there."""

    path: str
    policy: Section


def findings(host: Host, tools: Section, agents: Section, registry: Registry) -> Iterator[Finding]:
    """Examine the default policy, and that of each agent with its own."""
    policy = _Policy(host, registry)
    yield from policy.of("visible", [_Layer("tools", tools)])
    entries = agents.get("entries") or {}
    for agent, entry in entries.items():
        if own := (entry or {}).get("tools"):
            layers = [_Layer("tools", tools), _Layer(f"agents.entries.{agent}.tools", own)]
            yield from policy.of(f"visible to {agent}", layers)
    defaults = agents.get("defaults") or {}
    yield from policy.sandboxed("visible in the sandbox", _mode(defaults), [_Layer("tools", tools)])
    for agent, entry in entries.items():
        own = (entry or {}).get("tools") or {}
        if "sandbox" in own or "sandbox" in (entry or {}):
            layers = [_Layer("tools", tools), _Layer(f"agents.entries.{agent}.tools", own)]
            mode = _mode(entry) if _mode(entry) != "off" or "sandbox" in entry else _mode(defaults)
            yield from policy.sandboxed(f"visible to {agent} in the sandbox", mode, layers)


def _mode(section: Section) -> str:
    return str((section.get("sandbox") or {}).get("mode") or "off")


class _Policy:
    def __init__(self, host: Host, registry: Registry) -> None:
        self._host = host
        self._tools = manifest.tool_names(registry.tasks)

    def of(self, check: str, layers: Sequence[_Layer]) -> Iterator[Finding]:
        """Ask one layer after the other, as OpenClaw does; the first that hides the tools is the finding."""
        lists = self._lists(check, layers)
        narrow = lists or self._profile(check, layers)
        yield narrow or Finding(check, "ok", self._said(layers))
        for path, policy in layers:
            for provider, own in (policy.get("byProvider") or {}).items():
                where = _Layer(f"{path}.byProvider.{json.dumps(provider)}", own or {})
                hidden = self._lists(f"{check} with {provider}", [where])
                if hidden := hidden or self._profile(f"{check} with {provider}", [where]):
                    yield hidden

    def sandboxed(self, check: str, mode: str, layers: Sequence[_Layer]) -> Iterator[Finding]:
        """Ask the second gate of sandboxed sessions, which lets no plugin through unless told to."""
        if mode == "off":
            return
        own = [
            _Layer(f"{path}.sandbox.tools", ((policy.get("sandbox") or {}).get("tools")) or {})
            for path, policy in layers
        ]
        # Of each list, the agent's takes the place of the global one.
        deny = next((layer for layer in reversed(own) if layer.policy.get("deny") is not None), None)
        if deny and (named := self._naming_us(deny.policy["deny"])):
            fix = self._without(f"{deny.path}.deny", deny.policy["deny"], named)
            yield Finding(check, "fail", f"{deny.path}.deny hides the tools ({', '.join(named)})", fix)
            return
        lists = [
            (f"{layer.path}.{key}", layer.policy[key])
            for key in ("allow", "alsoAllow")
            for layer in reversed(own)
            if layer.policy.get(key) is not None
        ]
        if any(self._naming_us(values) for _, values in lists):
            yield Finding(check, "ok", f"sandbox mode {mode}, granted")
            return
        path, values = next(
            (each for each in lists if each[0].endswith("alsoAllow")), (f"{own[-1].path}.alsoAllow", [])
        )
        message = f"sandboxed sessions (mode {mode}) see no plugin's tools unless these are allowed"
        yield Finding(check, "fail", message, self._with(path, values))

    def _lists(self, check: str, layers: Sequence[_Layer]) -> Finding | None:
        for path, policy in layers:
            if named := self._naming_us(policy.get("deny")):
                fix = self._without(f"{path}.deny", policy["deny"], named)
                return Finding(check, "fail", f"{path}.deny hides it ({', '.join(named)})", fix)
            if policy.get("allow") and not self._naming_us(policy["allow"]):
                return Finding(
                    check, "fail", f"{path}.allow leaves it out", self._with(f"{path}.allow", policy["allow"])
                )
        return None

    def _profile(self, check: str, layers: Sequence[_Layer]) -> Finding | None:
        """Of the profile and of what is allowed in addition, the last layer's counts."""
        profile, also = self._in_force(layers)
        if profile not in _NARROW_PROFILES or self._naming_us(also):
            return None
        last = layers[-1]
        message = f"the tool profile `{profile}` hides plugin tools"
        if last.policy.get("allow"):
            # One scope cannot hold both lists: OpenClaw refuses such a configuration.
            patch: dict[str, Any] = {
                "alsoAllow": list(dict.fromkeys([*last.policy["allow"], PLUGIN_ID])),
                "allow": None,
            }
            for part in reversed(last.path.split(".")):
                patch = {part: patch}
            words = ("config", "patch", "--stdin")
            return Finding(check, "fail", message, f"echo '{json.dumps(patch)}' | {self._host.typed(*words)}")
        return Finding(check, "fail", message, self._with(f"{last.path}.alsoAllow", also))

    def _in_force(self, layers: Sequence[_Layer]) -> tuple[str, Sequence[str]]:
        profile = next((policy["profile"] for _, policy in reversed(layers) if policy.get("profile")), "unset")
        also: Sequence[str] = next(
            (policy["alsoAllow"] for _, policy in reversed(layers) if policy.get("alsoAllow")), []
        )
        return profile, also

    def _said(self, layers: Sequence[_Layer]) -> str:
        profile, also = self._in_force(layers)
        granted = self._naming_us(also)
        return f"tool profile {profile}" + (f", granted by {granted[0]}" if granted else "")

    def _naming_us(self, patterns: Sequence[str] | None) -> list[str]:
        """Return the patterns that match the plugin or one of its tools."""
        whole = (PLUGIN_ID, "group:plugins")
        return [
            each for each in patterns or [] if each in whole or any(fnmatchcase(tool, each) for tool in self._tools)
        ]

    def _with(self, path: str, values: Sequence[str]) -> str:
        return self._set(path, [*values, PLUGIN_ID])

    def _without(self, path: str, values: Sequence[str], gone: Sequence[str]) -> str:
        return self._set(path, [value for value in values if value not in gone])

    def _set(self, path: str, values: Sequence[str]) -> str:
        return self._host.typed("config", "set", path, json.dumps(values), "--strict-json")
