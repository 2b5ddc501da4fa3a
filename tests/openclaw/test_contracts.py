"""What OpenClaw's other contracts get from the plugin in the real host: decisions, memory_search, and taking it out."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.openclaw import manifest
from openclaw_instructor.openclaw.folder import plugin_folder
from tests.openclaw.conftest import Instructor
from tests.openclaw.llm_stub import LanguageModel
from tests.openclaw.openclaw_host import OpenClaw, invoked

pytestmark = [pytest.mark.mini, pytest.mark.openclaw, pytest.mark.timeout(900)]


def sandboxed(*allowed: str) -> dict[str, Any]:
    """An agent whose sessions are all sandboxed, with these tools besides what OpenClaw allows there."""
    return {"sandbox": {"mode": "all"}, "tools": {"sandbox": {"tools": {"alsoAllow": list(allowed)}}}}


AGENTS = {
    "main": {},
    "boxed": sandboxed("memory_search"),
    "trusted": sandboxed("memory_search", manifest.PLUGIN_ID),
    "coder": {"tools": {"profile": "coding"}},
    "guest": {"tools": {"deny": [manifest.PLUGIN_ID]}},
    "listed": {"tools": {"allow": ["memory_search", "memory_get"]}},
}
BATCH = {
    "state": {"message": "Checkout is failing for all customers."},
    "questions": {
        "route": {"type": "choice", "criteria": {"support": "Technical problems", "cooking": "Recipes and kitchens"}},
        "urgency": {"type": "score", "criteria": ["No disruption", "Minor inconvenience", "A production outage"]},
        "escalate": {"type": "boolean", "criteria": {"true": "A serious incident", "false": "A routine request"}},
    },
}
ASKED = {"query": "How do I restart the Gateway safely?", "corpus": "wiki"}


@pytest.fixture(scope="module")
def openclaw(
    binaries: Path, language_model: LanguageModel, instructor: Instructor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenClaw]:
    host = OpenClaw(tmp_path_factory.mktemp("openclaw"), binaries, language_model, AGENTS)
    instructor.environment |= host.environment
    consumer = Path(__file__).parent / "consumer"
    host.run("plugins", "install", "-l", str(consumer), "--force", "--accept-capabilities")
    try:
        host.start()
        report = instructor.run("openclaw", "install", "--yes")
        assert report["state"] == "live", "the running Gateway has loaded it"
        instructor.run("openclaw", "decisions", "--apply")
        yield host
    finally:
        host.stop()


def configured(openclaw: OpenClaw) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(openclaw.config.read_text())
    return value


def decided(openclaw: OpenClaw, *batches: dict[str, Any], **how: int) -> list[dict[str, Any]]:
    """What the plugin of others gets when it asks OpenClaw for these decisions at once."""
    outcomes: list[dict[str, Any]] = invoked(openclaw, "ask_decisions", {"batches": list(batches), **how})
    return outcomes


def reasons(outcomes: list[dict[str, Any]]) -> list[str]:
    return [outcome.get("rejected") or outcome.get("reason") or outcome["status"] for outcome in outcomes]


def found(openclaw: OpenClaw) -> list[Any] | None:
    """What memory_search finds; None while the plugin is being replaced."""
    try:
        results: list[Any] = invoked(openclaw, "memory_search", ASKED).get("results", [])
    except (AssertionError, httpx.TransportError):
        return None
    return results


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)


@contextmanager
def hanging(instructor: Instructor) -> Iterator[None]:
    """The daemon is stopped, and goes on afterwards."""
    pid = lifecycle.status(instructor.settings)["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_another_plugin_gets_its_decisions_here(openclaw: OpenClaw) -> None:
    assert configured(openclaw)["agents"]["defaults"]["decisionModel"].startswith("instructor/")
    wait_for(lambda: reasons(decided(openclaw, BATCH)) == ["ok"])
    [outcome] = decided(openclaw, BATCH)
    assert outcome["provenance"]["providerId"] == "instructor"
    answers = outcome["result"]["answers"]
    assert answers["route"]["choice"] == "support"
    assert set(answers["route"]["probabilities"]) == {"support", "cooking"}
    assert 0 <= answers["urgency"]["score"] <= 2
    assert 0 <= answers["escalate"]["probabilityTrue"] <= 1


def test_what_cannot_be_decided_is_refused_and_leaves_the_provider_well(openclaw: OpenClaw) -> None:
    one_sided = {"state": "x", "questions": {"q": {"type": "boolean", "instructions": "Is it?"}}}
    endless = {"state": "word " * 5_000, "questions": BATCH["questions"]}
    for batch in (one_sided, endless, one_sided, endless):
        assert decided(openclaw, batch) == [{"status": "unavailable", "reason": "unsupported-input"}]
    assert reasons(decided(openclaw, BATCH)) == ["ok"], "however many, they open no circuit"


def test_decisions_end_at_their_deadline_and_when_their_caller_gives_up(
    openclaw: OpenClaw, instructor: Instructor
) -> None:
    with hanging(instructor):
        assert reasons(decided(openclaw, BATCH, timeout_ms=300)) == ["deadline"]
        five = reasons(decided(openclaw, *[BATCH] * 5, cancel_ms=800))
        assert sorted(five) == ["TimeoutError"] * 4 + ["overloaded"], "four at a time, and no outcome once cancelled"
    assert reasons(decided(openclaw, BATCH)) == ["ok"]


def test_failures_open_the_circuit_and_one_request_closes_it(openclaw: OpenClaw, instructor: Instructor) -> None:
    settings = instructor.settings.home / "config.yaml"
    sound = settings.read_text()
    lifecycle.stop(instructor.settings)
    settings.write_text("checkpoint: [")
    try:
        assert [reasons(decided(openclaw, BATCH)) for _ in range(3)] == [["transport"]] * 3
        assert reasons(decided(openclaw, BATCH)) == ["circuit-open"]
    finally:
        settings.write_text(sound)
    wait_for(lambda: reasons(decided(openclaw, BATCH)) == ["ok"])
    assert reasons(decided(openclaw, BATCH)) == ["ok"]


def test_memory_search_finds_and_reads_documents_as_far_as_an_agent_may_see_them(openclaw: OpenClaw) -> None:
    best = invoked(openclaw, "memory_search", ASKED)["results"][0]
    assert best["path"].startswith("documents:/")
    assert "SIGUSR1" in best["snippet"]
    lines = best["endLine"] - best["startLine"] + 1
    place = {"path": best["path"], "from": best["startLine"], "lines": lines, "corpus": "wiki"}
    read = invoked(openclaw, "memory_get", place)
    assert "SIGUSR1" in read["text"]
    assert read["corpus"] == "documents"
    assert invoked(openclaw, "memory_search", ASKED, agent="coder")["results"]
    for agent in ("guest", "listed"):
        assert invoked(openclaw, "memory_search", ASKED, agent=agent)["results"] == [], "its policy hides the tool"


def test_a_sandboxed_agent_finds_documents_only_where_the_sandbox_lets_the_plugin_in(openclaw: OpenClaw) -> None:
    assert invoked(openclaw, "memory_search", ASKED, agent="boxed")["results"] == []
    assert invoked(openclaw, "memory_search", ASKED, agent="trusted")["results"]


def test_memory_search_is_without_documents_once_that_is_switched_off(openclaw: OpenClaw) -> None:
    switch = f"plugins.entries.{manifest.PLUGIN_ID}.config.memorySearch"
    openclaw.run("config", "set", switch, "false", "--strict-json")
    wait_for(lambda: found(openclaw) == [])
    openclaw.run("config", "set", switch, "true", "--strict-json")
    wait_for(lambda: bool(found(openclaw)))


def test_the_decision_model_from_before_is_put_back(openclaw: OpenClaw, instructor: Instructor) -> None:
    undone = instructor.run("openclaw", "decisions", "--undo")
    assert Path(undone["backup"]).is_file()
    assert "decisionModel" not in configured(openclaw)["agents"]["defaults"]
    wait_for(lambda: reasons(decided(openclaw, BATCH)) != ["ok"])
    instructor.run("openclaw", "decisions", "--apply")


def test_uninstall_takes_everything_out_of_a_running_openclaw(openclaw: OpenClaw, instructor: Instructor) -> None:
    invoked(openclaw, "memory_search", ASKED)
    told = instructor.run("openclaw", "uninstall", "--dry-run")
    parts = [step["part"] for step in told["steps"]]
    assert parts == ["decision model", "plugin", "plugin entry", "daemon", "plugin folder"]
    assert instructor.run("openclaw", "uninstall", "--yes")["done"] is True
    config = configured(openclaw)
    assert "decisionModel" not in config["agents"]["defaults"]
    assert set(config["plugins"]["entries"]) == {"decision-consumer"}
    assert str(plugin_folder(instructor.settings)) not in config["plugins"]["load"]["paths"]
    assert not lifecycle.status(instructor.settings)["running"]
    assert not plugin_folder(instructor.settings).exists()
    assert (instructor.settings.home / "config.yaml").exists()
    assert "search_docs" not in openclaw.turn().offered
    assert instructor.run("openclaw", "sync", "--yes", status=1)["state"] == "absent", "a sync does not bring it back"
    assert [step["part"] for step in instructor.run("openclaw", "uninstall", "--purge", "--dry-run")["steps"]] == [
        "home"
    ]
    instructor.run("openclaw", "uninstall", "--purge", "--yes")
    assert not instructor.settings.home.exists()
