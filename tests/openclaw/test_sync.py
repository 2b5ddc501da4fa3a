"""Install, sync and doctor against a stand-in for the `openclaw` program, which answers as 2026.9.6 was seen to."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.doctor import openclaw
from openclaw_instructor.errors import ConsentNeeded, InvalidRegistry, OpenClawFailed, OpenClawMissing
from openclaw_instructor.openclaw import package
from openclaw_instructor.openclaw.sync import (
    command_line,
    install_plugin,
    plugin_folder,
    refresh_plugin,
    sync_if_enabled,
    sync_plugin,
)
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings

TICKET = """
version: 1
tasks:
  classify_ticket:
    kind: classify
    description: Sort a support ticket.
    instruction: "Represent the support ticket for classifying its topic:"
    labels: [{name: bug}, {name: question}]
"""

PROGRAM = """#!{python}
import json, sys
from pathlib import Path

folder = Path({folder!r})
found = (folder / "state.json").read_text()
state = json.loads(found)
arguments = sys.argv[1:]
with (folder / "calls.jsonl").open("a") as log:
    log.write(json.dumps(arguments) + "\\n")


def finish(value, status=0):
    if state != json.loads(found):  # doctor runs several of us at once
        (folder / "state.json").write_text(json.dumps(state))
    print(value if isinstance(value, str) else json.dumps(value))
    sys.exit(status)


def refuse(**error):
    finish({{"ok": False, "error": {{"type": "gateway_request_error", **error}}}}, 1)


if arguments == ["--version"]:
    finish("OpenClaw " + state.get("version", "2026.9.6") + " (abc)")
if arguments[:2] == ["config", "file"]:
    finish(str(folder / "state.json"))
if arguments[:2] == ["config", "get"]:
    path = arguments[2]
    if path.endswith(".enabled") and "marker" in state:
        finish(state["marker"])
    finish(state["config"].get(path, "unset"), 0 if path in state["config"] else 1)
saved = "Applied in Gateway generation 2." if state["gateway"] else "Saved for the next Gateway start."
if arguments[:2] == ["plugins", "install"]:
    state["installed"], state["enabled"] = True, "marker" not in state
    manifest = Path(arguments[3]) / "openclaw.plugin.json"
    state["accepted"] = json.loads(manifest.read_text())["contracts"]["tools"]
    finish("Linked plugin path\\n" + saved)
if arguments[:2] == ["plugins", "inspect"]:
    plugin = {{"enabled": state["enabled"], "contracts": {{"tools": state["accepted"]}}}}
    finish({{"plugin": plugin}} if state["installed"] else "not found", 0 if state["installed"] else 1)
if arguments[:2] == ["plugins", "enable"]:
    state["enabled"] = True
    state.pop("marker", None)
    finish(saved)
if arguments[:2] != ["gateway", "call"]:
    finish("unknown command", 1)
if not state["gateway"]:
    finish({{"ok": False, "error": {{"type": "gateway_transport_error", "message": "Gateway not reachable"}}}}, 1)
if not state["installed"]:
    refuse(code="INVALID_REQUEST", message='Plugin "openclaw-instructor" not found.')
method, parameters = arguments[2], json.loads(arguments[4])
if method == "plugins.inspect":
    finish({{"ok": True, "plugin": {{"enabled": state["enabled"]}}, "source": {{"kind": state.get("kind", "path")}},
            "declared": {{"tools": state["accepted"]}}}})
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
        manifest = str(plugin_folder(settings) / package.MANIFEST)
        self.set(gateway=True, installed=False, enabled=False, accepted=[], config={}, manifest=manifest)

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


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def host(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("openclaw_instructor.openclaw.sync._RETRY_SECONDS", 0.01)
    return StandIn(folder, settings)


def agree(tools: Sequence[str]) -> bool:
    return True


def refuse(tools: Sequence[str]) -> bool:
    return False


def add_ticket(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.instructions_path.write_text(TICKET, encoding="utf-8")


def test_install_links_the_users_own_tasks(settings: Settings, host: StandIn) -> None:
    add_ticket(settings)
    asked: list[str] = []

    def record(tools: Sequence[str]) -> bool:
        asked.extend(tools)
        return True

    report = install_plugin(settings, confirm=record)
    assert report.state == "live"
    assert "classify_ticket" in host.get("accepted")
    assert asked == host.get("accepted") == report.tools
    tools = json.loads((plugin_folder(settings) / package.TOOLS).read_text())
    assert tools["command"] == command_line(settings)
    assert tools["command"][-2:] == ["--home", str(settings.home)]


def test_nothing_is_installed_without_consent(settings: Settings, host: StandIn) -> None:
    with pytest.raises(ConsentNeeded, match=r"search_docs.*--yes"):
        install_plugin(settings, confirm=refuse)
    assert host.calls() == []


def test_install_lifts_what_an_earlier_uninstall_left(settings: Settings, host: StandIn) -> None:
    host.set(marker="false")
    assert install_plugin(settings, confirm=agree).state == "live"
    assert host.get("enabled") is True


def test_install_without_a_gateway_is_saved(settings: Settings, host: StandIn) -> None:
    host.set(gateway=False)
    assert install_plugin(settings, confirm=agree).state == "saved"


def test_a_new_task_is_asked_about_and_loaded(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    add_ticket(settings)
    with pytest.raises(ConsentNeeded, match="classify_ticket"):
        sync_plugin(settings, confirm=refuse)
    assert "classify_ticket" not in host.get("accepted")
    asked: list[str] = []

    def record(tools: Sequence[str]) -> bool:
        asked.extend(tools)
        return True

    report = sync_plugin(settings, confirm=record)
    assert report.state == "live"
    assert asked == ["classify_ticket"]
    assert "classify_ticket" in host.get("accepted")


def test_a_sync_with_nothing_new_loads_nothing(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    host.calls()
    assert sync_plugin(settings, confirm=refuse).state == "current"
    assert host.calls() == ["gateway call plugins.inspect"]
    assert sync_plugin(settings, confirm=refuse, force=True).state == "live"
    assert host.calls() == ["gateway call plugins.inspect", "gateway call plugins.reload"]


def test_a_removed_task_goes_without_consent(settings: Settings, host: StandIn) -> None:
    add_ticket(settings)
    install_plugin(settings, confirm=agree)
    settings.instructions_path.unlink()
    assert sync_plugin(settings, confirm=refuse).state == "live"
    assert "classify_ticket" not in host.get("accepted")


def test_a_busy_gateway_is_asked_again(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    add_ticket(settings)
    host.set(busy=3)
    host.calls()
    report = sync_plugin(settings, confirm=agree)
    assert report.state == "live"
    assert report.attempts == 5, "three refusals, one question for consent, one success"


def test_a_gateway_that_stays_busy_leaves_the_sync_pending(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    add_ticket(settings)
    host.set(busy=10_000)
    report = sync_plugin(settings, confirm=agree, wait=0)
    assert report.state == "pending"
    assert "instructor_task" in report.message
    host.set(busy=0)
    assert sync_plugin(settings, confirm=agree).state == "live", "the next sync must not take it for done"


def test_more_than_our_tools_is_never_agreed_to(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    add_ticket(settings)
    for widens in ({"hooks": ["before_tool_call"]}, {"contracts": ["memory: x"]}, {"tools": ["shell"]}):
        host.set(widens=widens)
        with pytest.raises(ConsentNeeded, match="more than the tools"):
            sync_plugin(settings, confirm=agree)
    assert "classify_ticket" not in host.get("accepted")


def test_sync_without_a_gateway_is_saved(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    add_ticket(settings)
    host.set(gateway=False)
    assert sync_plugin(settings, confirm=agree).state == "saved"


def test_sync_installs_what_is_missing_or_came_from_a_tarball(settings: Settings, host: StandIn) -> None:
    assert sync_plugin(settings, confirm=agree).state == "live"
    assert host.get("installed")
    host.set(kind="archive")
    host.calls()
    sync_plugin(settings, confirm=agree)
    assert "plugins install -l" in host.calls()


def test_a_plugin_switched_off_stays_off(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    host.set(enabled=False)
    add_ticket(settings)
    report = sync_plugin(settings, confirm=agree)
    assert report.state == "disabled"
    assert "openclaw plugins enable" in report.message
    assert host.get("enabled") is False


def test_a_program_that_fails_is_quoted(settings: Settings, host: StandIn) -> None:
    host.program.write_text("#!/bin/sh\necho 'the disk is full' >&2\nexit 1\n")
    with pytest.raises(OpenClawFailed, match="the disk is full"):
        install_plugin(settings, confirm=agree)


def test_no_openclaw_says_where_to_get_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OpenClawMissing, match=r"npm install -g openclaw.*--openclaw"):
        sync_plugin(settings, confirm=agree)


def test_a_later_sync_finds_openclaw_without_path(
    settings: Settings, host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_PROFILE", "work")
    install_plugin(settings, confirm=agree)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("OPENCLAW_PROFILE")
    assert sync_plugin(settings, confirm=agree).state == "current"
    remembered = json.loads((settings.home / "openclaw.json").read_text())
    assert remembered["environment"]["OPENCLAW_PROFILE"] == "work"


def test_the_daemons_hook_refreshes_specs_and_loads_names_only_when_told(settings: Settings, host: StandIn) -> None:
    assert sync_if_enabled(settings) is None
    assert not plugin_folder(settings).exists(), "nothing was installed, so there is nothing to refresh"
    install_plugin(settings, confirm=agree)
    add_ticket(settings)
    host.calls()
    assert sync_if_enabled(settings) is None
    assert host.calls() == []
    tools = json.loads((plugin_folder(settings) / package.TOOLS).read_text())["tools"]
    assert "classify_ticket" in tools["instructor_task"]["description"]
    assert "classify_ticket" not in (plugin_folder(settings) / package.MANIFEST).read_text()
    report = sync_if_enabled(settings.model_copy(update={"openclaw_sync": True}))
    assert report is not None
    assert report.state == "live"
    assert "classify_ticket" in host.get("accepted")


def test_a_broken_registry_takes_no_tools_away(settings: Settings, host: StandIn) -> None:
    add_ticket(settings)
    install_plugin(settings, confirm=agree)
    folder = plugin_folder(settings)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with settings.instructions_path.open("a") as file:
        file.write("\tbad: 1\n")
    host.calls()
    for bring in (sync_plugin, install_plugin):
        with pytest.raises(InvalidRegistry, match=r"OpenClaw keeps the tools it has, because .*tab"):
            bring(settings, confirm=agree)
    report = sync_if_enabled(settings.model_copy(update={"openclaw_sync": True}))
    assert report is not None
    assert report.state == "failed"
    assert "tab" in report.message
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert "classify_ticket" in host.get("accepted")
    assert not [call for call in host.calls() if "install" in call or "reload" in call]


def test_the_daemons_hook_does_nothing_when_nothing_changed(settings: Settings, host: StandIn) -> None:
    automatic = settings.model_copy(update={"openclaw_sync": True})
    install_plugin(settings, confirm=agree)
    host.calls()
    assert sync_if_enabled(automatic) is None
    assert host.calls() == [], "a daemon that starts must not start OpenClaw's program for nothing"


def test_the_daemons_hook_never_installs_and_never_raises(settings: Settings, host: StandIn) -> None:
    automatic = settings.model_copy(update={"openclaw_sync": True})
    assert sync_if_enabled(automatic) is None
    install_plugin(settings, confirm=agree)
    host.set(installed=False)
    add_ticket(settings)
    report = sync_if_enabled(automatic)
    assert report is not None
    assert report.state == "absent"
    assert host.get("installed") is False
    host.program.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    report = sync_if_enabled(automatic)
    assert report is not None
    assert report.state == "failed"
    assert "broken" in report.message


@pytest.mark.parametrize(("state", "is_now"), [("absent", False), ("disabled", True)])
def test_without_a_gateway_the_owners_off_stays_off(
    settings: Settings, host: StandIn, state: str, is_now: bool
) -> None:
    install_plugin(settings, confirm=agree)
    host.set(gateway=False, enabled=False, installed=is_now, marker="false")
    add_ticket(settings)
    report = sync_if_enabled(settings.model_copy(update={"openclaw_sync": True}))
    assert report is not None
    assert report.state == state
    assert (host.get("installed"), host.get("enabled")) == (is_now, False)


def test_refresh_replaces_files_whole_and_only_when_they_differ(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    registry = Registry.load(settings)
    assert refresh_plugin(settings, registry) == []
    (plugin_folder(settings) / package.TOOLS).write_text("{", encoding="utf-8")
    assert refresh_plugin(settings, registry) == [package.TOOLS]
    assert not list(plugin_folder(settings).rglob(".*")), "no temporary file is left behind"


@pytest.mark.parametrize(
    ("state", "check", "words"),
    [
        ({"installed": False}, "plugin", "openclaw-instructor openclaw install"),
        ({"enabled": False}, "plugin", "openclaw plugins enable openclaw-instructor"),
        ({"accepted": ["search_docs", "gone_task", "instructor_task"]}, "in step", "gone_task"),
        ({"version": "2026.1.2"}, "openclaw", "older than"),
        ({"config": {"plugins": {"allow": ["other"]}}}, "allowed", "plugins.allow"),
        ({"config": {"plugins": {"deny": ["openclaw-instructor"]}}}, "allowed", "plugins.deny"),
        ({"config": {"tools": {"profile": "coding"}}}, "visible", "tools.alsoAllow"),
        ({"config": {"tools": {"deny": ["search_*"]}}}, "visible", "tools.deny"),
        ({"config": {"tools": {"allow": ["read"]}}}, "visible", "tools.allow"),
        ({"config": {"tools": {"profile": "coding", "allow": ["openclaw-instructor"]}}}, "visible", "tools.alsoAllow"),
        (
            {
                "config": {
                    "tools": {"profile": "coding", "alsoAllow": ["openclaw-instructor"]},
                    "agents": {"entries": {"ops": {"tools": {"alsoAllow": ["web_search"]}}}},
                }
            },
            "visible to ops",
            '["web_search", "openclaw-instructor"]',
        ),
        (
            {
                "config": {
                    "tools": {"allow": ["read"]},
                    "agents": {"entries": {"ops": {"tools": {"allow": ["openclaw-instructor"]}}}},
                }
            },
            "visible to ops",
            "tools.allow",
        ),
        (
            {
                "config": {
                    "tools": {"allow": ["openclaw-instructor"]},
                    "agents": {"entries": {"ops": {"tools": {"allow": ["read"]}}}},
                }
            },
            "visible to ops",
            "agents.entries.ops.tools.allow",
        ),
        (
            {"config": {"agents": {"entries": {"ops": {"tools": {"profile": "minimal"}}}}}},
            "visible to ops",
            "agents.entries.ops.tools.alsoAllow",
        ),
    ],
)
def test_doctor_names_the_broken_link_and_its_fix(
    settings: Settings, host: StandIn, state: dict[str, Any], check: str, words: str
) -> None:
    install_plugin(settings, confirm=agree)
    sound = {finding.check: finding for finding in openclaw.examine(settings)}
    assert {sound[name].level for name in ("tasks", "daemon", "node", "openclaw", "gateway", "plugin", "in step")} == {
        "ok"
    }
    host.set(**state)
    finding = next(finding for finding in openclaw.examine(settings) if finding.check == check)
    assert finding.level in ("warn", "fail")
    assert words in finding.message + finding.fix
    assert finding.fix


@pytest.mark.parametrize("policy", [{"alsoAllow": ["openclaw-instructor"]}, {"alsoAllow": ["group:plugins"]}])
def test_doctor_accepts_a_narrow_profile_that_grants_the_plugin(
    settings: Settings, host: StandIn, policy: dict[str, Any]
) -> None:
    install_plugin(settings, confirm=agree)
    host.set(config={"tools": {"profile": "coding", **policy}})
    finding = next(finding for finding in openclaw.examine(settings) if finding.check == "visible")
    assert finding.level == "ok"


def test_doctor_names_the_broken_line_of_the_registry(settings: Settings, host: StandIn) -> None:
    settings.home.mkdir(parents=True)
    settings.instructions_path.write_text("tasks:\n\tbroken: {}\n")
    finding = next(finding for finding in openclaw.examine(settings) if finding.check == "tasks")
    assert finding.level == "fail"
    assert f"{settings.instructions_path}:2" in finding.message


def test_doctor_refuses_a_node_that_openclaw_refuses(settings: Settings, host: StandIn) -> None:
    host.use_node("v24.15.9")
    finding = next(finding for finding in openclaw.examine(settings) if finding.check == "node")
    assert finding.level == "fail"
    assert "24.16" in finding.message


def test_doctor_without_openclaw_stops_at_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    findings = openclaw.examine(settings)
    assert findings[-1].check == "openclaw"
    assert "npm install -g openclaw" in findings[-1].fix


def test_the_command_line_asks_reports_and_exits_accordingly(
    settings: Settings, host: StandIn, command: Callable[..., Any]
) -> None:
    home = ("--home", str(settings.home), "openclaw")
    refused = command(*home, "install")
    assert refused.status == 2, "nobody is there to agree"
    assert "search_docs" in refused.err
    assert "--yes" in refused.err
    assert command(*home, "install", "--yes", "--json").json["state"] == "live"
    assert command(*home, "doctor").status == 0
    assert command(*home, "sync").out.startswith("current: ")
    host.set(enabled=False)
    report = command(*home, "doctor", "--json")
    assert report.status == 1
    assert report.json["ok"] is False
    assert [finding["check"] for finding in report.json["findings"] if finding["level"] == "fail"] == ["plugin"]
    assert command(*home, "sync", "--json").status == 1
    assert command(*home, "sync", "--detach").status == 2


def test_a_detached_sync_outlives_its_caller(settings: Settings, host: StandIn, command: Callable[..., Any]) -> None:
    home = ("--home", str(settings.home), "openclaw")
    command(*home, "install", "--yes")
    add_ticket(settings)
    assert command(*home, "sync", "--detach", "--yes", "--json").json["state"] == "detached"
    deadline = time.monotonic() + 60
    while "classify_ticket" not in host.get("accepted"):
        assert time.monotonic() < deadline, "the sync in the background never came to its end"
        time.sleep(0.1)
