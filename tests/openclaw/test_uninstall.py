"""What `openclaw decisions` selects and `openclaw uninstall` takes away, against the stand-in for OpenClaw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.openclaw import decision_model
from openclaw_instructor.openclaw.folder import plugin_folder
from openclaw_instructor.openclaw.linking import install_plugin
from openclaw_instructor.openclaw.memory_search import block
from openclaw_instructor.openclaw.uninstall import plan
from openclaw_instructor.settings import Settings
from tests.openclaw.stand_in import StandIn, agree


def selected(host: StandIn) -> Any:
    return host.get("config").get("agents", {}).get("defaults", {}).get("decisionModel")


def test_the_decision_model_is_selected_and_taken_back(
    settings: Settings, host: StandIn, command: Callable[..., Any]
) -> None:
    home = ("--home", str(settings.home), "openclaw", "decisions")
    assert command(*home).json == {"agents": {"defaults": {"decisionModel": "instructor/mini"}}}
    refused = command(*home, "--apply")
    assert refused.status == 1
    assert "openclaw install" in refused.err
    install_plugin(settings, confirm=agree)
    host.set(config={"agents": {"defaults": {"decisionModel": "onnx/gliclass"}}})
    applied = command(*home, "--apply", "--json").json
    assert selected(host) == "instructor/mini"
    assert Path(applied["backup"]).is_file()
    assert applied["next_steps"][0].endswith("openclaw decisions --undo")
    command(*home, "--apply")
    assert command(*home, "--undo").status == 0
    assert selected(host) == "onnx/gliclass", "what was selected before both"
    assert "no decision model of ours" in command(*home, "--undo").err


def test_the_models_of_single_agents_are_taken_back_too(settings: Settings) -> None:
    agents = {"entries": {"ops": {"decisionModel": "instructor/mini"}, "other": {"decisionModel": "onnx/x"}}}
    assert decision_model.removal(settings, agents) == {"agents": {"entries": {"ops": {"decisionModel": None}}}}
    assert decision_model.removal(settings, {"defaults": {"decisionModel": "typesafe/jev"}}) == {}


@pytest.mark.parametrize("words", [("uninstall", "--yes"), ("decisions", "--undo"), ("install", "--yes")])
def test_nothing_is_done_with_a_configuration_that_openclaw_cannot_read(
    settings: Settings, host: StandIn, command: Callable[..., Any], words: tuple[str, ...]
) -> None:
    install_plugin(settings, confirm=agree)
    host.set(invalid="JSON5: invalid end of input at 2:1", file="{ broken", gateway=False)
    done = command("--home", str(settings.home), "openclaw", *words)
    assert done.status == 1
    assert "JSON5: invalid end of input at 2:1; run: " in done.err
    assert plugin_folder(settings).is_dir()


def test_uninstall_tells_each_step_and_takes_everything(
    settings: Settings, host: StandIn, command: Callable[..., Any]
) -> None:
    install_plugin(settings, confirm=agree)
    theirs = {"models": {"providers": {"stub": {"api": "x"}}}}
    ours = block(settings, "token", 8737, autostart=True)
    ours["models"]["providers"] |= theirs["models"]["providers"]
    entries = {"openclaw-instructor": {"enabled": True}, "other": {"enabled": True}}
    host.set(config={**ours, **decision_model.block(settings), "plugins": {"entries": entries}})
    home = ("--home", str(settings.home), "openclaw", "uninstall")
    told = command(*home, "--dry-run", "--json").json
    parts = [step["part"] for step in told["steps"]]
    assert parts == ["memory", "decision model", "plugin", "plugin entry", "plugin folder"]
    assert told["done"] is False
    assert host.get("installed")
    assert command(*home).status == 2, "nobody is there to agree"
    assert command(*home, "--yes").status == 0
    config = host.get("config")
    assert config["models"] == theirs["models"]
    assert "search" not in config["memory"]
    assert selected(host) is None
    assert config["plugins"]["entries"] == {"other": {"enabled": True}}
    assert not host.get("installed")
    assert settings.home.exists()
    assert not plugin_folder(settings).exists()
    assert "nothing to take away" in command(*home, "--yes").out


def test_purge_deletes_the_home(settings: Settings, host: StandIn) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "index.db").write_bytes(b"x")
    for step in plan(settings, purge=True):
        step.take()
    assert not settings.home.exists()


def test_the_plugin_of_another_home_stays(settings: Settings, host: StandIn) -> None:
    host.set(installed=True, enabled=True, root="/other/home/openclaw-plugin")
    assert plan(settings) == []


def test_without_openclaw_the_rest_is_still_taken(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin_folder(settings).mkdir(parents=True)
    monkeypatch.setenv("PATH", "/nowhere")
    assert [step.part for step in plan(settings)] == ["plugin folder"]
