"""A stand-in for the `openclaw` program, which answers as 2026.9.6 was seen to."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openclaw_instructor.openclaw import manifest
from openclaw_instructor.openclaw.folder import plugin_folder
from openclaw_instructor.settings import Settings

PROGRAM = """#!{python}
import json, os, sys
from pathlib import Path

folder = Path({folder!r})
found = (folder / "state.json").read_text()
state = json.loads(found)
arguments = sys.argv[1:]
with (folder / "calls.jsonl").open("a") as log:
    log.write(json.dumps(arguments) + "\\n")


def finish(value, status=0):
    if state != json.loads(found):  # doctor runs several of us at once
        # Whole at any moment: a test may read it while we run in the background.
        new = folder / f"state.{{os.getpid()}}"
        new.write_text(json.dumps(state))
        new.replace(folder / "state.json")
    print(value if isinstance(value, str) else json.dumps(value))
    sys.exit(status)


def link(place):
    state["root"], state["kind"] = place, "path"
    state["installed"], state["enabled"] = True, "marker" not in state
    manifest = Path(place) / "openclaw.plugin.json"
    state["accepted"] = json.loads(manifest.read_text())["contracts"]["tools"]


def refuse(**error):
    finish({{"ok": False, "error": {{"type": "gateway_request_error", **error}}}}, 1)


if arguments == ["--version"]:
    finish("OpenClaw " + state.get("version", "2026.9.6") + " (abc)")
if arguments[:2] == ["config", "file"]:
    file = folder / "openclaw.json"
    # Written whole: doctor runs several of us at once.
    new = folder / f"openclaw.{{os.getpid()}}"
    new.write_text(state.get("file", json.dumps(state["config"])))
    new.replace(file)
    finish(str(file))
if "invalid" in state and arguments[:2] in (["config", "get"], ["plugins", "list"]):
    issues = [{{"path": "<root>", "message": state["invalid"]}}] if arguments[0] == "config" else None
    finish({{"ok": False, "error": {{"type": "cli_error", "message": state["invalid"]}}, "issues": issues}}, 1)
if arguments[:2] == ["config", "get"]:
    path = arguments[2]
    if path.startswith("plugins.entries.") and "marker" in state:
        finish({{"enabled": False}})
    finish(state["config"].get(path, "unset"), 0 if path in state["config"] else 1)
saved = "Applied in Gateway generation 2." if state["gateway"] else "Saved for the next Gateway start."
if arguments[:2] == ["config", "patch"]:
    def merge(into, changes):
        for name, value in changes.items():
            if value is None:
                into.pop(name, None)
            elif isinstance(value, dict):
                merge(into.setdefault(name, {{}}), value)
            else:
                into[name] = value
    merge(state["config"], json.loads(Path(arguments[3]).read_text()))
    finish("Applied")
if arguments[:2] == ["plugins", "uninstall"]:
    state["installed"], state["marker"] = False, "false"
    finish("Uninstalled plugin")
if arguments[:2] == ["plugins", "install"]:
    if state["installed"] and state.get("kind", "path") != "path":
        finish("plugin already exists (delete it first)", 1)
    if not state.get("loses"):
        link(arguments[3])
    finish("Linked plugin path\\n" + saved)
if arguments[:2] == ["plugins", "list"]:
    plugin = {{"id": "openclaw-instructor",
              "enabled": state["enabled"], "contracts": {{"tools": state["accepted"]}}, "rootDir": state.get("root"),
              "status": state.get("status", "loaded"), "error": state.get("error"),
              "trust": {{"installSource": state.get("kind", "path")}}}}
    others = [{{"id": "memory-core", "enabled": True, "contracts": {{}}}}]
    finish({{"plugins": others + [plugin] * state["installed"], "diagnostics": state.get("diagnostics", [])}})
if arguments[:2] == ["plugins", "enable"]:
    state["enabled"] = True
    state.pop("marker", None)
    finish(saved)
if arguments[:2] != ["gateway", "call"]:
    finish("unknown command", 1)
if state.get("gateway_error"):
    finish({{"ok": False, "error": state["gateway_error"]}}, 1)
if not state["gateway"]:
    finish({{"ok": False, "error": {{"type": "gateway_transport_error", "message": "Gateway not reachable"}}}}, 1)
if not state["installed"] and arguments[2] not in ("status", "plugins.install"):
    refuse(code="INVALID_REQUEST", message='Plugin "openclaw-instructor" not found.')
method, parameters = arguments[2], json.loads(arguments[4])
if method == "status":
    finish({{"runtimeVersion": state.get("running", "2026.9.6")}})
if method == "plugins.inspect":
    if state.get("unloaded"):
        refuse(code="INVALID_REQUEST", message="not found")
    finish({{"ok": True, "plugin": {{"enabled": state["enabled"]}}, "source": {{"kind": state.get("kind", "path")}},
            "declared": {{"tools": state["accepted"]}}}})
if method == "plugins.install":
    if state["installed"] and state.get("kind", "path") != "path":
        refuse(code="INVALID_REQUEST", message="plugin already exists")
    link(parameters["path"])
    finish({{"ok": True, "runtime": {{"generation": 2}}, "plugin": {{"enabled": state["enabled"]}}}})
if method == "plugins.setEnabled":
    state["enabled"] = parameters["enabled"]
    state.pop("marker", None)
    finish({{"ok": True, "runtime": {{"generation": 3}}}})
if state.get("busy", 0) > 0:
    state["busy"] -= 1
    refuse(code="UNAVAILABLE", message="has active retained work; retry after the work finishes.", retryable=False)
declared = json.loads(Path(state["manifest"]).read_text())["contracts"]["tools"]
fresh = [name for name in declared if name not in state["accepted"]]
if (fresh or state.get("widens")) and parameters.get("acknowledgeCapabilities", {{}}).get("reviewToken") != "token":
    widened = {{"tools": fresh, "contracts": ["tools: " + name for name in fresh], **state.get("widens", {{}})}}
    refuse(code="INVALID_REQUEST", message="requires capability consent",
           details={{"capabilityConsentCode": "PLUGIN_CAPABILITY_CONSENT_REQUIRED", "reviewToken": "token",
                    "widened": widened}})
state["accepted"] = declared
finish({{"ok": True, "runtime": {{"generation": 3}}}})
"""


class StandIn:
    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.program = folder / "openclaw"
        self.program.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)), encoding="utf-8")
        self.program.chmod(0o755)
        self.use_node("v26.10.0")
        declared = str(plugin_folder(settings) / manifest.MANIFEST)
        self.set(gateway=True, installed=False, enabled=False, accepted=[], config={}, manifest=declared)

    def set(self, **values: Any) -> None:
        path = self.folder / "state.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(before | values))

    def get(self, name: str) -> Any:
        return json.loads((self.folder / "state.json").read_text()).get(name)

    def use_node(self, version: str) -> None:
        node = self.folder / "node"
        node.write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        node.chmod(0o755)

    def calls(self) -> list[str]:
        """What was run since the last look, without parameters."""
        log = self.folder / "calls.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [" ".join(json.loads(line)[:3]) for line in lines]


def agree(tools: Sequence[str]) -> bool:
    return True


def refuse(tools: Sequence[str]) -> bool:
    return False
