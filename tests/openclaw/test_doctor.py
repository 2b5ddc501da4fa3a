"""What the doctor says of each way in which the tools may not reach an agent; every fix is a command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.doctor import openclaw
from openclaw_instructor.doctor.finding import Finding
from openclaw_instructor.openclaw.folder import plugin_folder
from openclaw_instructor.openclaw.linking import install_plugin
from openclaw_instructor.openclaw.memory_search import block
from openclaw_instructor.openclaw.package import TOOLS
from openclaw_instructor.settings import Settings
from tests.openclaw.stand_in import StandIn, agree

US = "openclaw-instructor"


def said(settings: Settings, check: str) -> Finding:
    return next(finding for finding in openclaw.examine(settings) if finding.check == check)


def test_a_configuration_without_a_mode_starts_no_gateway(settings: Settings, host: StandIn) -> None:
    found = said(settings, "configuration")
    assert (found.level, found.fix.endswith("config set gateway.mode local")) == ("warn", True)
    host.set(config={"gateway": {"mode": "local"}})
    assert said(settings, "configuration").level == "ok"


def test_openclaw_is_asked_for_no_part_of_a_configuration_that_is_plain_json(settings: Settings, host: StandIn) -> None:
    host.set(config={"tools": {"deny": ["search_*"]}, "agents": None})
    assert said(settings, "visible").level == "fail"
    assert not [call for call in host.calls() if call.startswith("config get")]


@pytest.mark.parametrize(
    "written", ["{tools: {}, // JSON5\n}", '{"$include": "tools.json"}', '{"tools": "${TOOLS}"}', ""]
)
def test_openclaw_is_asked_for_what_takes_more_than_json(settings: Settings, host: StandIn, written: str) -> None:
    host.set(config={"tools": {"deny": ["search_*"]}}, file=written)
    assert said(settings, "visible").level == "fail"
    assert "config get tools" in host.calls()


@pytest.mark.parametrize(
    ("state", "check", "words"),
    [
        ({"installed": False}, "plugin", "openclaw install"),
        ({"enabled": False}, "plugin", "openclaw plugins enable openclaw-instructor"),
        ({"accepted": ["search_docs", "gone_task", "instructor_task"]}, "in step", "gone_task"),
        ({"version": "2026.1.2"}, "openclaw", "older than"),
        ({"config": {"plugins": {"allow": ["other"]}}}, "allowed", "plugins.allow"),
        ({"config": {"plugins": {"deny": ["openclaw-instructor"]}}}, "allowed", "plugins.deny"),
        ({"config": {"tools": {"profile": "coding"}}}, "visible", "tools.alsoAllow"),
        ({"config": {"tools": {"deny": ["search_*"]}}}, "visible", "tools.deny"),
        ({"config": {"tools": {"allow": ["read"]}}}, "visible", "tools.allow"),
        (
            {"config": {"tools": {"profile": "coding", "allow": ["openclaw-instructor"]}}},
            "visible",
            "config patch --stdin",
        ),
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
    findings = {finding.check: finding for finding in openclaw.examine(settings)}
    assert findings["node"].level == "ok", "OpenClaw itself gets past it"
    host.program.write_text("#!/bin/sh\necho 'openclaw needs a newer Node' >&2\nexit 1\n")
    finding = next(finding for finding in openclaw.examine(settings) if finding.check == "node")
    assert finding.level == "fail"
    assert "24.16" in finding.message


def test_doctor_without_openclaw_stops_at_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    findings = openclaw.examine(settings)
    assert findings[-1].check == "openclaw"
    assert "npm install -g openclaw" in findings[-1].fix


def test_doctor_says_nothing_of_what_a_broken_configuration_may_hold(settings: Settings, host: StandIn) -> None:
    host.set(invalid="JSON5: invalid end of input at 2:1", file="{ broken")
    findings = openclaw.examine(settings)
    last = findings[-1]
    assert (last.check, last.level) == ("configuration", "fail")
    assert "openclaw.json: " in last.message
    assert "JSON5: invalid end of input at 2:1" in last.message
    assert last.fix.endswith("openclaw doctor")
    assert not {"plugin", "allowed", "visible"} & {finding.check for finding in findings}


REFUSAL = {
    "type": "gateway_request_error",
    "code": "INVALID_REQUEST",
    "message": "unauthorized: gateway token mismatch",
    "details": {"code": "AUTH_TOKEN_MISMATCH"},
}


@pytest.mark.parametrize(
    ("state", "words", "fix"),
    [
        ({"gateway": False}, "not running", "openclaw gateway run"),
        (
            {"gateway_error": {"type": "gateway_credentials_required", "message": "requires credentials"}},
            "no gateway token",
            "openclaw doctor --generate-gateway-token",
        ),
        ({"gateway_error": REFUSAL}, "another token", "openclaw gateway run --force"),
    ],
)
def test_doctor_tells_gateways_apart_and_still_sees_the_plugin(
    settings: Settings, host: StandIn, state: dict[str, Any], words: str, fix: str
) -> None:
    install_plugin(settings, confirm=agree)
    host.set(**state)
    found = {finding.check: finding for finding in openclaw.examine(settings)}
    assert words in found["gateway"].message
    assert found["gateway"].fix == fix
    assert found["plugin"].level == found["in step"].level == "ok"


def test_doctor_compares_the_running_gateway_with_the_program(settings: Settings, host: StandIn) -> None:
    (host.folder / "package.json").write_text('{"version": "2026.9.6"}')
    host.set(running="2026.8.1")
    assert "2026.8.1 is running, while 2026.9.6" in said(settings, "gateway").message
    host.set(running="2026.9.6")
    assert said(settings, "gateway").level == "ok"


@pytest.mark.parametrize(
    ("state", "words", "fix"),
    [
        ({"kind": "archive", "root": "/state/extensions/x"}, "a copy at", "openclaw install"),
        ({"root": "/other/home/openclaw-plugin"}, "another home", "openclaw install"),
        ({"status": "error", "error": "bad manifest"}, "bad manifest", "openclaw plugins inspect"),
        ({"unloaded": True}, "has not loaded it", "openclaw gateway restart"),
        (
            {"installed": False, "diagnostics": [{"pluginId": US, "level": "error", "message": "install incomplete"}]},
            "refuses to load it: install incomplete",
            "openclaw install",
        ),
    ],
)
def test_doctor_tells_the_forms_of_the_plugin_apart(
    settings: Settings, host: StandIn, state: dict[str, Any], words: str, fix: str
) -> None:
    install_plugin(settings, confirm=agree)
    host.set(**state)
    finding = said(settings, "plugin")
    assert words in finding.message
    assert fix in finding.fix


def test_doctor_runs_the_program_that_the_plugin_starts(settings: Settings, host: StandIn, tmp_path: Path) -> None:
    install_plugin(settings, confirm=agree)
    assert said(settings, "program").level == "ok"
    specs = plugin_folder(settings) / TOOLS
    whole = json.loads(specs.read_text())
    specs.write_text(json.dumps(whole | {"command": ["/nowhere/openclaw-instructor"]}))
    gone = said(settings, "program")
    assert (gone.level, "which is not there" in gone.message) == ("fail", True)
    assert gone.fix.endswith("openclaw install")
    broken = tmp_path / "broken"
    broken.write_text(f"#!{sys.executable}\nraise SystemExit('no module')\n")
    broken.chmod(0o755)
    host.set(config={"plugins": {"entries": {US: {"config": {"command": str(broken)}}}}})
    failing = said(settings, "program")
    assert "does not run: no module" in failing.message
    assert f"plugins.entries.{US}.config.command" in failing.fix


@pytest.mark.parametrize(
    ("config", "check", "fix"),
    [
        (
            {"agents": {"defaults": {"sandbox": {"mode": "all"}}}},
            "visible in the sandbox",
            f"""config set tools.sandbox.tools.alsoAllow '["{US}"]' --strict-json""",
        ),
        (
            {
                "agents": {"defaults": {"sandbox": {"mode": "all"}}},
                "tools": {"sandbox": {"tools": {"alsoAllow": ["message"], "deny": ["search_*"]}}},
            },
            "visible in the sandbox",
            "config set tools.sandbox.tools.deny '[]' --strict-json",
        ),
        (
            {"agents": {"entries": {"ops": {"sandbox": {"mode": "non-main"}}}}},
            "visible to ops in the sandbox",
            f"""config set agents.entries.ops.tools.sandbox.tools.alsoAllow '["{US}"]' --strict-json""",
        ),
        (
            {"tools": {"byProvider": {"anthropic": {"profile": "minimal"}}}},
            "visible with anthropic",
            """config set 'tools.byProvider."anthropic".alsoAllow'""",
        ),
        (
            {"tools": {"byProvider": {"openai/gpt": {"allow": ["read"]}}}},
            "visible with openai/gpt",
            f"""'["read", "{US}"]'""",
        ),
    ],
)
def test_doctor_sees_sandbox_and_provider_policies(
    settings: Settings, host: StandIn, config: dict[str, Any], check: str, fix: str
) -> None:
    install_plugin(settings, confirm=agree)
    host.set(config=config)
    finding = said(settings, check)
    assert finding.level == "fail"
    assert fix in finding.fix


def test_doctor_accepts_a_sandbox_that_lets_the_plugin_in(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    tools = {"sandbox": {"tools": {"alsoAllow": ["group:plugins"]}}}
    host.set(config={"agents": {"defaults": {"sandbox": {"mode": "all"}}}, "tools": tools})
    assert said(settings, "visible in the sandbox").level == "ok"


def test_doctor_names_skills_that_openclaw_hides(
    settings: Settings, host: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skill = tmp_path / "copy" / "skills" / "instructor-search" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text('metadata: {"openclaw": {"requires": {"bins": ["openclaw-instructor"]}}}\n')
    host.set(installed=True, enabled=True, kind="archive", root=str(tmp_path / "copy"))
    monkeypatch.setenv("PATH", f"{host.folder}:/usr/bin:/bin")
    assert "hides instructor-search" in said(settings, "skills").message


def test_doctor_names_a_task_whose_collection_is_missing(settings: Settings, host: StandIn) -> None:
    finding = said(settings, "collections")
    assert "`search_docs` searches the collection `docs`, which does not exist" in finding.message
    assert "index add docs" in finding.fix


def test_doctor_compares_memory_search_with_this_installation(settings: Settings, host: StandIn) -> None:
    patch = block(settings, "token", 8737, autostart=True)
    host.set(config=patch)
    assert said(settings, "memory").level == "ok"
    other = settings.model_copy(update={"checkpoint": "hkunlp/instructor-base"})
    assert "set up with mini" in said(other, "memory").message
    assert "memory index --force" in said(other, "memory").fix
    patch["models"]["providers"]["instructor"]["localService"]["command"] = "/gone/openclaw-instructor"
    host.set(config=patch)
    assert "/gone/openclaw-instructor, which is gone" in said(settings, "memory").message
    host.set(config={"memory": {"search": {"provider": "openai"}}})
    assert not [finding for finding in openclaw.examine(settings) if finding.check == "memory"]
