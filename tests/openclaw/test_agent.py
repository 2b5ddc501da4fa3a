"""Agents of a running OpenClaw use the linked plugin: all of it real but for the language model, which is a script."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.openclaw import manifest, package
from openclaw_instructor.openclaw.folder import plugin_folder
from openclaw_instructor.openclaw.program import command_line
from openclaw_instructor.registry import Registry
from tests.openclaw.conftest import Instructor
from tests.openclaw.examples import CRASH, TICKET
from tests.openclaw.llm_stub import LanguageModel
from tests.openclaw.openclaw_host import OpenClaw, Turn, unfenced

pytestmark = [pytest.mark.mini, pytest.mark.openclaw, pytest.mark.timeout(900)]

PLUGIN = "openclaw-instructor"
INVOICE = {"subject": "Invoice 1042 is overdue", "body": "Please pay the amount of 80 euros within ten days."}
CANDIDATES = ["Tomatoes want full sun.", "How can I get my money back?", "The train leaves at nine."]
SEARCH = ("search_docs", {"query": "How do I restart the Gateway?"})
CLASSIFY = ("classify_email", INVOICE)
MATCH = ("semantic_match", {"query": "I want a refund", "candidates": CANDIDATES, "threshold": -1})
# Only `guest` has the MCP server, and it has nothing else of ours.
NO_MCP = {"deny": ["bundle-mcp"]}
AGENTS = {
    "main": {"tools": NO_MCP},
    "coder": {"tools": {"profile": "coding", "alsoAllow": [PLUGIN], **NO_MCP}},
    "narrow": {"tools": {"profile": "coding", **NO_MCP}},
    "guest": {"tools": {"deny": [PLUGIN]}},
}


@pytest.fixture(scope="module")
def openclaw(
    binaries: Path, language_model: LanguageModel, instructor: Instructor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenClaw]:
    program, *arguments = command_line(instructor.settings)
    servers = {"instructor": {"command": program, "args": [*arguments, "mcp"]}}
    folder = tmp_path_factory.mktemp("openclaw")
    host = OpenClaw(folder, binaries, language_model, AGENTS, {"mcp": {"servers": servers}})
    instructor.environment |= host.environment
    report = instructor.run("openclaw", "install", "--yes")
    assert report["state"] == "saved", "no Gateway runs yet"
    try:
        host.start()
        yield host
    finally:
        host.stop()


def refusal(result: str) -> str:
    answer = json.loads(result)
    assert answer["status"] == "error"
    return str(answer["error"])


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def test_the_model_sees_every_tool_with_its_whole_schema(openclaw: OpenClaw, instructor: Instructor) -> None:
    turn = openclaw.turn()
    assert "tool_search" in turn.offered, "Tool Search is on, as it is by default"
    tasks = Registry.load(instructor.settings).tasks
    for name in ("search_docs", "classify_email", "semantic_match"):
        assert turn.offered[name]["description"] == tasks[name].description
        assert turn.offered[name]["parameters"] == tasks[name].tool_spec().for_agents(["docs"])
    assert manifest.GENERIC_TOOL not in turn.offered, "every task has a tool of its own"


def test_an_agent_calls_each_tool_and_reads_real_answers(openclaw: OpenClaw) -> None:
    turn = openclaw.turn([SEARCH], [CLASSIFY], [MATCH])
    found, sorted_, matched = map(unfenced, turn.results)
    hit = next(hit for hit in found["hits"] if hit["file"].endswith("/gateway.md"))
    assert "SIGUSR1" in hit["snippet"]
    assert re.fullmatch(r"\d+-\d+", hit["lines"])
    assert Path(hit["file"]).is_absolute()
    assert "label" in sorted_
    assert sorted_["runners_up"] or sorted_["label"]
    assert {match["text"] for match in matched["matches"]} == set(CANDIDATES)
    assert all(CANDIDATES[match["index"]] == match["text"] for match in matched["matches"])
    assert "SIGUSR1" in turn.answer, "the model read it and the user gets it"


def test_calls_of_one_batch_run_together(openclaw: OpenClaw) -> None:
    batch: list[tuple[str, dict[str, Any]]] = [SEARCH, MATCH, CLASSIFY, ("search_docs", {"query": "tomatoes"})]
    found, matched, sorted_, again = map(unfenced, openclaw.turn(batch).results)
    assert any(hit["file"].endswith("/gateway.md") for hit in found["hits"])
    assert len(matched["matches"]) == len(CANDIDATES)
    assert sorted_["task"] == "classify_email"
    assert any(hit["file"].endswith("/garden.md") for hit in again["hits"])


def test_an_error_tells_the_agent_what_to_do(openclaw: OpenClaw) -> None:
    batch: list[tuple[str, dict[str, Any]]] = [
        ("search_docs", {"query": "anything", "collection": ["recipes"]}),
        ("search_docs", {"query": "tomatoes", "collection": "docs", "top_k": "1"}),
        ("semantic_match", {"query": "x", "candidates": []}),
        SEARCH,
    ]
    no_collection, written_otherwise, invalid, fine = openclaw.turn(batch).results
    assert "collection" in no_collection, "OpenClaw itself checks arguments against the schema"
    assert len(unfenced(written_otherwise)["hits"]) == 1, "what is plainly meant is taken"
    assert "candidates" in invalid, "OpenClaw itself checks arguments against the schema"
    assert unfenced(fine)["hits"], "one failing call leaves the others alone"


def test_a_narrow_profile_needs_the_plugin_allowed(openclaw: OpenClaw) -> None:
    assert "search_docs" not in openclaw.turn(agent="narrow").offered
    turn = openclaw.turn([MATCH], agent="coder")
    assert {"search_docs", "classify_email", "semantic_match"} <= set(turn.offered)
    assert unfenced(turn.results[0])["matches"]


def test_two_agents_share_one_process_and_one_loaded_model(openclaw: OpenClaw, instructor: Instructor) -> None:
    turns: list[Turn] = []
    threads = [
        threading.Thread(target=lambda agent=agent: turns.append(openclaw.turn([SEARCH], [MATCH], agent=agent)))
        for agent in ("main", "coder")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(turns) == 2
    assert all(unfenced(result) for turn in turns for result in turn.results)
    home = str(instructor.settings.home)
    serving = [pid for pid, command in processes().items() if "daemon run" in command and home in command]
    assert serving == [lifecycle.status(instructor.settings)["pid"]]
    assert "openclaw_instructor_model_loads_total 1.0" in instructor.metrics()


def test_a_killed_daemon_is_back_at_the_next_call(openclaw: OpenClaw, instructor: Instructor) -> None:
    before = lifecycle.status(instructor.settings)["pid"]
    os.kill(before, signal.SIGKILL)
    results = openclaw.turn([SEARCH, MATCH, CLASSIFY]).results
    assert all(unfenced(result) for result in results)
    assert lifecycle.status(instructor.settings)["pid"] != before


def test_a_daemon_that_hangs_is_replaced_and_the_call_answered(openclaw: OpenClaw, instructor: Instructor) -> None:
    hung = lifecycle.status(instructor.settings)["pid"]
    os.kill(hung, signal.SIGSTOP)
    try:
        assert unfenced(openclaw.turn([SEARCH]).results[0])["hits"]
    finally:
        with suppress(ProcessLookupError):
            os.kill(hung, signal.SIGCONT)
    assert lifecycle.status(instructor.settings)["pid"] != hung
    assert not processes().get(hung)


def test_doctor_finds_nothing_wrong(openclaw: OpenClaw, instructor: Instructor) -> None:
    report = instructor.run("openclaw", "doctor", status=1)
    bad = {finding["check"] for finding in report["findings"] if finding["level"] == "fail"}
    assert bad == {"visible to narrow", "visible to guest"}


def test_a_new_task_is_usable_at_once_and_by_name_after_sync(openclaw: OpenClaw, instructor: Instructor) -> None:
    assert "classify_ticket" not in openclaw.turn(session="old").offered
    instructor.define(classify_ticket=TICKET)

    # At once, in the running session, by the generic tool.
    wait_for(lambda: "classify_ticket" in (plugin_folder(instructor.settings) / package.TOOLS).read_text())
    generic = (manifest.GENERIC_TOOL, {"task": "classify_ticket", "input": CRASH})
    turn = openclaw.turn([generic, ("classify_ticket", CRASH)], session="old")
    assert unfenced(turn.results[0])["label"] in ("bug", "question")
    assert "classify_ticket {text, labels?}" in turn.offered[manifest.GENERIC_TOOL]["description"]
    assert turn.offered[manifest.GENERIC_TOOL]["parameters"]["properties"]["task"]["enum"] == ["classify_ticket"]
    assert "not found" in turn.results[1]

    # By name, in running and new sessions, once OpenClaw's owner agreed.
    refused = instructor.run("openclaw", "sync", status=2)
    assert refused["error"]["code"] == "consent_needed"
    assert "classify_ticket" in refused["error"]["message"]
    gateway = openclaw.gateway.pid if openclaw.gateway else 0
    assert instructor.run("openclaw", "sync", "--yes")["state"] == "live"
    for session in ("old", "new"):
        turn = openclaw.turn([("classify_ticket", CRASH)], session=session)
        assert unfenced(turn.results[0])["label"] in ("bug", "question")
        assert turn.offered["classify_ticket"]["parameters"]["required"] == ["text"]
    assert openclaw.gateway is not None
    assert openclaw.gateway.poll() is None
    assert openclaw.gateway.pid == gateway

    # A changed description needs no sync.
    instructor.define(classify_ticket=TICKET | {"description": "Sort one ticket of the help desk."})
    openclaw.turn([SEARCH])
    wait_for(lambda: "help desk" in (plugin_folder(instructor.settings) / package.TOOLS).read_text())
    assert openclaw.turn(session="old").offered["classify_ticket"]["description"] == "Sort one ticket of the help desk."


def test_a_removed_task_is_gone_at_the_next_turn(openclaw: OpenClaw, instructor: Instructor) -> None:
    instructor.define(classify_ticket=TICKET)
    assert instructor.run("openclaw", "sync", "--yes")["state"] in ("live", "current")
    assert "classify_ticket" in openclaw.turn([SEARCH], session="old").offered
    instructor.settings.instructions_path.unlink()
    wait_for(lambda: "classify_ticket" not in (plugin_folder(instructor.settings) / package.TOOLS).read_text())
    assert "classify_ticket" not in openclaw.turn(session="old").offered
    assert instructor.run("openclaw", "sync", "--yes")["state"] == "live"
    assert "search_docs" in openclaw.turn(session="old").offered


def test_over_mcp_a_new_task_appears_at_the_next_turn(openclaw: OpenClaw, instructor: Instructor) -> None:
    def call(task: str, arguments: dict[str, Any]) -> str:
        # Tool Search keeps MCP tools behind `tool_call`.
        turn = openclaw.turn([("tool_call", {"id": f"instructor__{task}", "args": arguments})], agent="guest")
        assert "search_docs" not in turn.offered
        return turn.results[0]

    assert "SIGUSR1" in call(*SEARCH)
    assert "did you mean" not in call("classify_ticket", CRASH)
    assert '"label"' not in call("classify_ticket", CRASH)
    instructor.define(classify_ticket=TICKET)
    wait_for(lambda: "bug" in call("classify_ticket", CRASH))
    missing = call("search_docs", {"query": "anything", "collection": "recipes"})
    assert "openclaw-instructor index" in missing


def processes() -> dict[int, str]:
    """Command lines of the running processes by id; that of one that has ended but is still listed is empty."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    return found
