"""Install and sync against a stand-in for the `openclaw` program, which answers as 2026.9.6 was seen to."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from openclaw_instructor.errors import ConsentNeeded, InvalidRegistry, OpenClawFailed, OpenClawMissing
from openclaw_instructor.openclaw import manifest, package
from openclaw_instructor.openclaw.folder import plugin_folder, refresh_plugin
from openclaw_instructor.openclaw.linking import install_plugin
from openclaw_instructor.openclaw.program import command_line
from openclaw_instructor.openclaw.sync import sync_if_enabled, sync_plugin
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings
from tests.openclaw.stand_in import StandIn, agree, refuse

TICKET = """
version: 1
tasks:
  classify_ticket:
    kind: classify
    description: Sort a support ticket.
    instruction: "Represent the support ticket for classifying its topic:"
    labels: [{name: bug}, {name: question}]
"""


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
    assert not [call for call in host.calls() if "install" in call]


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


def test_sync_leaves_out_what_the_owner_removed(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    host.set(installed=False)
    for gateway in (True, False):
        host.set(gateway=gateway)
        host.calls()
        report = sync_plugin(settings, confirm=agree, force=True)
        assert report.state == "absent"
        assert "openclaw install" in report.message
        assert not [call for call in host.calls() if "plugins install" in call]


def test_a_copy_is_linked_in_one_command_and_left_alone_by_a_sync(settings: Settings, host: StandIn) -> None:
    host.set(installed=True, enabled=True, kind="archive", root="/state/extensions/openclaw-instructor")
    report = sync_plugin(settings, confirm=agree)
    assert report.state == "copied"
    assert "openclaw install" in report.message
    host.calls()
    assert install_plugin(settings, confirm=agree).state == "live"
    assert host.calls() == [
        "plugins list --json",
        "config get plugins.entries.openclaw-instructor",
        "plugins uninstall openclaw-instructor",
        "gateway call plugins.install",
        "gateway call plugins.setEnabled",
    ]
    assert host.get("enabled") is True
    assert sync_plugin(settings, confirm=refuse).state == "current"


def test_what_the_gateway_leaves_to_the_command_line_is_done_there(settings: Settings, host: StandIn) -> None:
    host.set(gateway=False, marker="false")
    assert install_plugin(settings, confirm=agree).state == "saved"
    assert host.calls() == [
        "plugins list --json",
        "gateway call plugins.install",
        "plugins install -l",
        "plugins list --json",
        "plugins enable openclaw-instructor",
    ]
    assert host.get("enabled") is True


def test_an_install_that_openclaw_only_says_to_have_made_is_no_success(settings: Settings, host: StandIn) -> None:
    refusal = {"pluginId": manifest.PLUGIN_ID, "level": "error", "message": "manifest requires configSchema"}
    host.set(gateway=False, loses=True, diagnostics=[refusal])
    with pytest.raises(OpenClawFailed, match=r"manifest requires configSchema.*plugins inspect"):
        install_plugin(settings, confirm=agree)


def test_installing_starts_the_program_of_openclaw_twice(settings: Settings, host: StandIn) -> None:
    install_plugin(settings, confirm=agree)
    assert host.calls() == ["plugins list --json", "gateway call plugins.install"], "each start costs seconds"


def test_without_a_gateway_that_listens_none_is_asked(
    settings: Settings, host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.set(gateway=False)
    with socket.create_server(("127.0.0.1", 0)) as gateway:
        configured(host, monkeypatch, {"mode": "local", "port": gateway.getsockname()[1]})
        assert install_plugin(settings, confirm=agree).state == "saved"
        assert "gateway call plugins.install" in host.calls()
    assert install_plugin(settings, confirm=agree).state == "saved"
    assert host.calls() == ["plugins list --json", "plugins install -l", "plugins list --json"]
    assert sync_plugin(settings, confirm=agree).state == "saved"
    assert not [call for call in host.calls() if "gateway" in call]


@pytest.mark.parametrize(
    "gateway",
    [{"mode": "remote"}, {"remote": {"url": "wss://elsewhere"}}, {"bind": "tailnet"}, {"port": "${PORT}"}],
)
def test_a_gateway_that_may_be_elsewhere_is_asked(
    settings: Settings, host: StandIn, monkeypatch: pytest.MonkeyPatch, gateway: dict[str, Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        unused = listener.getsockname()[1]
    configured(host, monkeypatch, {"port": unused} | gateway)
    assert install_plugin(settings, confirm=agree).state == "live"
    assert "gateway call plugins.install" in host.calls()


def configured(host: StandIn, monkeypatch: pytest.MonkeyPatch, gateway: dict[str, Any]) -> None:
    """Let OpenClaw's configuration place its Gateway."""
    file = host.folder / "configured.json"
    file.write_text(json.dumps({"gateway": gateway}))
    monkeypatch.setenv("OPENCLAW_CONFIG_PATH", str(file))
    monkeypatch.delenv("OPENCLAW_GATEWAY_URL")


def test_refused_consent_changes_nothing(settings: Settings, host: StandIn) -> None:
    with pytest.raises(ConsentNeeded, match="nothing was changed"):
        install_plugin(settings, confirm=refuse)
    assert not plugin_folder(settings).exists()
    install_plugin(settings, confirm=agree)
    before = {path: path.read_bytes() for path in settings.home.rglob("*") if path.is_file()}
    add_ticket(settings)
    for widens in ({}, {"hooks": ["x"]}):
        host.set(widens=widens)
        with pytest.raises(ConsentNeeded):
            sync_plugin(settings, confirm=agree if widens else refuse)
    settings.instructions_path.unlink()
    assert {path: path.read_bytes() for path in settings.home.rglob("*") if path.is_file()} == before


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
    assert "classify_ticket" in tools
    assert "classify_ticket" not in (plugin_folder(settings) / manifest.MANIFEST).read_text()
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
