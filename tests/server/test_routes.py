"""The table of routes: each names its effect and its scope, and both hold."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.registry.kinds.match import MatchTask
from openclaw_instructor.registry.tool_spec import EFFECTS
from openclaw_instructor.server.security import AccessScope
from tests.server.serving import Local, ask

Serve = Callable[..., Local]
MAINTENANCE = [f"/v1/index/{what}" for what in ("verify", "repair", "backup", "restore", "export", "import")]
ADMIN = ["/v1/index/add", "/v1/index/compact", "/v1/index/remove", "/v1/session/link", *MAINTENANCE]


@pytest.fixture
def local(serve: Serve) -> Local:
    return serve()


def test_every_operation_says_what_it_changes_and_who_may(local: Local) -> None:
    document = local.ask("/openapi.json").body
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert {operation["x-effect"] for operation in operations.values()} <= set(EFFECTS)
    scopes = {name: operation.get("x-scope") for name, operation in operations.items()}
    assert [name for name, scope in scopes.items() if scope is None] == ["GET /health"]
    of_owner = {f"POST {path}" for path in (*ADMIN, "/v1/tasks/file", "/v1/tasks/example", "/v1/tasks/tune/apply")}
    assert {name for name, scope in scopes.items() if scope == "admin"} == of_owner
    # What changes something is never open to a caller who may only read, a browser's own session aside.
    changing = {name for name, operation in operations.items() if operation["x-effect"] != "read"}
    assert {name for name in changing if scopes[name] == "read"} == {"DELETE /v1/session"}
    assert operations["POST /v1/index/remove"]["x-effect"] == "destroy"


@pytest.mark.parametrize("path", [*ADMIN, "/v1/index/sync", "/v1/corrections", "/v1/corrections/undo"])
def test_an_agent_may_only_read(local: Local, path: str) -> None:
    body = {"name": "docs", "folders": ["/"]} if path.endswith("add") else {}
    answer = ask(local.url + path, body, token=local.agent_token)
    assert (answer.status, answer.body["error"]["code"]) == (403, "forbidden")
    assert "yours is `read`" in answer.body["error"]["message"]
    for read in ("/v1/tools", "/v1/index", "/v1/models", "/metrics", "/openapi.json", "/v1/session"):
        assert ask(local.url + read, token=local.agent_token).status == 200
    match = {"query": "x", "candidates": ["y"]}
    assert ask(local.url + "/v1/tools/semantic_match", match, token=local.agent_token).status == 200
    assert ask(local.url + "/v1/embeddings", {"input": "x"}, token=local.agent_token).status == 200


def test_the_owner_may_let_agents_write_but_never_name_folders(serve: Serve) -> None:
    local = serve(agents_may="write")
    assert ask(local.url + "/v1/index/sync", {}, token=local.agent_token).status == 200
    for path in ADMIN:
        body: dict[str, Any] = {"name": "docs", "folders": ["/"]} if path.endswith("add") else {"name": "docs"}
        assert ask(local.url + path, body, token=local.agent_token).status == 403


@pytest.mark.parametrize("effect", ["write", "destroy"])
def test_a_tool_that_changes_something_is_not_for_every_agent(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, effect: str
) -> None:
    monkeypatch.setattr(MatchTask, "effect", effect)
    local, allowed = serve(), serve(agents_may="write")
    body = {"query": "x", "candidates": ["y"]}
    path = "/v1/tools/semantic_match"
    refused = ask(local.url + path, body, token=local.agent_token)
    assert (refused.status, refused.body["error"]["code"]) == (403, "forbidden")
    assert "`agents_may: write`" in refused.body["error"]["message"]
    assert local.ask(path, body).status == 200
    assert ask(allowed.url + path, body, token=allowed.agent_token).status == 200
    listed = {tool["name"]: tool for tool in local.ask("/v1/tools").body["tools"]}
    assert (listed["semantic_match"]["effect"], listed["semantic_match"]["read_only"]) == (effect, False)
    assert (listed["search_docs"]["effect"], listed["search_docs"]["read_only"]) == ("read", True)


@pytest.mark.parametrize("query", ["", "?max_characters=500"])
def test_half_a_surrogate_pair_in_a_result_is_no_error(
    local: Local, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(local.toolbox, "run", lambda name, arguments: {"from": "a\ud83d", "hits": [{"b\udc00": 1}]})
    answer = local.ask(f"/v1/tools/semantic_match{query}", {"query": "x", "candidates": ["y"]})
    assert answer.status == 200
    assert answer.body["from"] == ("a" if query else "a?")


def test_scopes_include_one_another() -> None:
    assert AccessScope.READ < AccessScope.WRITE < AccessScope.ADMIN
    assert [str(scope) for scope in AccessScope] == ["read", "write", "admin"]
    assert AccessScope.of("admin") is AccessScope.ADMIN


def test_an_expected_file_is_looked_for_by_the_call_that_answers(local: Local, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("mango\n")
    local.toolbox.index_add("docs", [tmp_path / "note.md"])
    local.toolbox.index_sync("docs")
    body = {"arguments": {"query": "mango", "mode": "keyword"}, "expect": "note.md"}
    found = local.ask("/v1/index/inspect", body).body
    assert (found["stage"], found["rank"], found["result"]["count"]) == ("found", 1, 1)
    asked = local.ask("/v1/tools/search_docs", {**body["arguments"], "explain": True}).body  # type: ignore[dict-item]
    assert asked == found["result"]


def test_days_are_those_of_the_caller(local: Local, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("mango\n")
    late = datetime.datetime(2026, 3, 10, 23, 30, tzinfo=datetime.UTC).timestamp()
    os.utime(tmp_path / "note.md", (late, late))
    local.toolbox.index_add("docs", [tmp_path / "note.md"])
    local.toolbox.index_sync("docs")
    body = {"query": "mango", "mode": "keyword", "after": "2026-03-11"}
    for zone, count in (("Asia/Tokyo", 1), ("UTC", 0)):
        answer = local.ask("/v1/tools/search_docs", body, **{"X-Timezone": zone})
        assert answer.body["count"] == count


def test_teaching_over_http(local: Local) -> None:
    mail = {"subject": "Boiler", "body": "error E4 again"}
    body = {"task": "classify_email", "label": "support", "message": mail}
    taught = local.ask("/v1/corrections", body).body
    assert (taught["label"], taught["corrections"]) == ("support", 1)
    assert local.ask("/v1/tools/classify_email", mail).body["label"] == "support"
    rule = local.ask("/v1/corrections/rule", {"task": "classify_email", "sender": "example.org", "label": "work"}).body
    assert local.ask("/v1/tools/classify_email", mail | {"from": "a@example.org"}).body["label"] == "work"
    listed = local.ask("/v1/corrections?task=classify_email").body
    assert [each["source"] for each in listed["corrections"]] == ["http", "http"]
    assert ask(local.url + "/v1/corrections", token=local.agent_token).status == 403
    assert local.ask("/v1/corrections/undo", {"id": rule["id"]}).body["id"] == rule["id"]
    for unknown in (99, 2**63):
        assert local.ask("/v1/corrections/undo", {"id": unknown}).status == 400
