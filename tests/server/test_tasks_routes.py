"""Tasks over HTTP: what they are, what an edit would make of them, trying one, and writing the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from openclaw_instructor.daemon.endpoint import Endpoint
from openclaw_instructor.settings import Settings
from tests.conftest import Command
from tests.server.serving import Answer, Local, ask

Serve = Callable[..., Local]
CATS = """\
version: 1
tasks:
  sort_cats:
    kind: classify
    description: Sort a text about cats.
    instruction: "Represent the text for classification:"
    labels:
      - {name: big, description: a lion or a tiger}
      - {name: small, description: a cat in the house}
"""


@pytest.fixture
def local(serve: Serve) -> Local:
    return serve()


def refused(answer: Answer) -> str:
    assert answer.status == 400, answer.body
    message: str = answer.body["error"]["message"]
    return message


def test_tasks_are_described_without_their_examples(local: Local) -> None:
    answer = ask(f"{local.url}/v1/tasks", token=local.agent_token)
    tasks = {task["name"]: task for task in answer.body["tasks"]}
    assert tasks["search_docs"]["instructions"]["query"].startswith("Represent the question")
    assert tasks["search_docs"]["tool"]["inputSchema"]["required"] == ["query"]
    assert len(tasks["classify_email"]["labels"]) > 2
    assert "examples" not in json.dumps(answer.body)


def test_an_edit_is_checked_and_tried_before_it_is_saved(local: Local) -> None:
    broken = local.ask("/v1/tasks/check", {"text": CATS.replace("instruction:", "instruktion:")}).body
    (unknown,) = [problem for problem in broken["problems"] if problem["key"].endswith("instruktion")]
    assert (unknown["line"], unknown["what"]) == (6, "is not a known key")
    assert "did you mean" in unknown["fix"]
    fine = local.ask("/v1/tasks/check", {"text": CATS}).body
    assert (fine["problems"], [task["name"] for task in fine["tasks"]]) == ([], ["sort_cats"])
    tried = local.ask("/v1/tasks/try", {"task": "sort_cats", "text": CATS, "arguments": {"text": "a tiger"}})
    assert tried.body["task"] == "sort_cats"
    assert "sort_cats" not in [task["name"] for task in local.ask("/v1/tasks").body["tasks"]]
    assert "no task `sort_dogs`" in refused(
        local.ask("/v1/tasks/try", {"task": "sort_dogs", "text": CATS, "arguments": {}})
    )


def test_a_task_is_tried_with_other_keys(local: Local) -> None:
    match: dict[str, Any] = {"query": "cat", "candidates": ["cat", "dog"]}
    tried = {"task": "semantic_match", "changes": {"instruction": "Represent the animal:"}, "arguments": match}
    assert local.ask("/v1/tasks/try", tried).body["matches"][0]["text"] == "cat"
    wrong = {"task": "semantic_match", "changes": {"instruktion": "x"}, "arguments": match}
    assert "instruktion" in refused(local.ask("/v1/tasks/try", wrong))


def test_what_changes_something_is_not_tried(local: Local) -> None:
    text = "version: 1\ntasks:\n  teach_it:\n    kind: teach\n    description: Teach.\n"
    arguments = {"label": "spam", "subject": "x", "body": "y"}
    tried = {"task": "teach_it", "text": text, "arguments": arguments}
    assert "changes something" in refused(local.ask("/v1/tasks/try", tried))


def test_the_file_is_written_whole_or_not_at_all(local: Local) -> None:
    assert local.ask("/v1/tasks/file").body["text"] == ""
    assert local.ask("/v1/tasks/file", {"before": "", "text": CATS}).body["written"]
    assert "sort_cats" in [task["name"] for task in local.ask("/v1/tasks").body["tasks"]]
    assert "changed meanwhile" in refused(local.ask("/v1/tasks/file", {"before": "", "text": ""}))
    broken = CATS.replace("kind: classify", "kind: clasify")
    assert local.ask("/v1/tasks/file", {"before": CATS, "text": broken}).status == 400
    assert local.toolbox.settings.instructions_path.read_text() == CATS
    added = {"task": "sort_cats", "label": "big", "text": "A lion sleeps in the sun."}
    assert local.ask("/v1/tasks/example", added).status == 200
    assert "A lion sleeps" in local.ask("/v1/tasks/file").body["text"]


def test_agents_neither_read_nor_write_the_file(local: Local) -> None:
    for method, path, body in (
        ("GET", "/v1/tasks/file", None),
        ("POST", "/v1/tasks/file", {"before": "", "text": ""}),
        ("POST", "/v1/tasks/example", {"task": "classify_email", "label": "spam", "text": "x"}),
    ):
        assert ask(local.url + path, body, token=local.agent_token, method=method).status == 403


def test_the_command_prints_a_link_that_opens_the_room(
    daemon: Endpoint, shared_home: Settings, command: Command
) -> None:
    printed = command("--home", str(shared_home.home), "studio", "documents", "--json", "--may", "read")
    answer = ask(printed.json["url"])
    assert answer.status == 200
    assert "<title>Studio" in answer.body
