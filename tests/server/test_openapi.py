"""The published description against the real service: whatever it allows, no 5xx and no hang."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from openclaw_instructor.daemon.endpoint import Endpoint
from tests.server.serving import ask

ROUTES = (
    "GET /health",
    "GET /metrics",
    "GET /openapi.json",
    "GET /v1/checkpoints",
    "POST /v1/checkpoints/search",
    "GET /v1/corrections",
    "GET /v1/index",
    "GET /v1/index/files",
    "GET /v1/index/passages",
    "POST /v1/map",
    "POST /v1/messages",
    "POST /v1/tasks/evaluate",
    "POST /v1/tasks/tune",
    "POST /v1/tasks/tune/apply",
    "GET /v1/tasks",
    "GET /v1/tasks/file",
    "POST /v1/tasks/check",
    "POST /v1/tasks/example",
    "POST /v1/tasks/file",
    "POST /v1/tasks/try",
    "POST /v1/index/compact",
    "POST /v1/index/verify",
    "POST /v1/index/repair",
    "POST /v1/index/backup",
    "POST /v1/index/restore",
    "POST /v1/index/export",
    "POST /v1/index/import",
    "POST /v1/index/inspect",
    "POST /v1/rerank",
    "DELETE /v1/session",
    "GET /v1/models",
    "GET /v1/models/{id}",
    "GET /v1/session",
    "GET /v1/tools",
    "POST /v1/corrections",
    "POST /v1/corrections/rule",
    "POST /v1/corrections/undo",
    "POST /v1/decisions",
    "POST /v1/embeddings",
    "POST /v1/index/add",
    "POST /v1/index/remove",
    "POST /v1/index/sync",
    "POST /v1/session/link",
    "POST /v1/tools/classify_email",
    "POST /v1/tools/list_documents",
    "POST /v1/tools/read_document",
    "POST /v1/tools/search_docs",
    "POST /v1/tools/semantic_match",
)


@pytest.fixture(scope="module")
def document(daemon: Endpoint) -> dict[str, Any]:
    body: dict[str, Any] = ask(daemon.url + "/openapi.json", token=daemon.token).body
    return body


def test_every_route_is_described(document: dict[str, Any]) -> None:
    described = [f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item]
    assert sorted(described) == sorted(ROUTES)
    assert document["openapi"] == "3.1.0"


@pytest.mark.parametrize("route", ROUTES)
def test_nothing_the_description_allows_breaks_the_service(
    daemon: Endpoint, document: dict[str, Any], route: str, tmp_path: Path
) -> None:
    method, path = route.split()
    schema = schemathesis.openapi.from_dict(document)
    headers = {"Authorization": f"Bearer {daemon.token}"}

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(case=schema[path][method].as_strategy())
    def check(case: Any) -> None:
        if isinstance(case.body, dict) and isinstance(folders := case.body.get("folders"), list):
            # What is generated may name a folder of this machine, such as "/".
            case.body["folders"] = [f"{each}/none" if Path(str(each)).is_dir() else each for each in folders]
        if isinstance(case.body, dict) and isinstance(case.body.get("file"), str):
            # What is generated may name a file of this machine.
            case.body["file"] = f"{tmp_path}{case.body['file']}"
        response = case.call(base_url=daemon.url, headers=headers, timeout=300)
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])

    check()


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    route=st.sampled_from([route for route in ROUTES if route.startswith("POST")]),
    body=st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps),
)
def test_no_body_at_all_breaks_the_service(daemon: Endpoint, route: str, body: bytes | str) -> None:
    content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    answer = ask(daemon.url + route.split()[1], content, token=daemon.token)
    assert answer.status < 500
    if answer.status != 200:
        assert set(answer.body) == {"error"}


@pytest.mark.parametrize("folder", ["documents", "~/documents", "~nobody-of-this-name/x", "/nul/\x00/byte", ""])
def test_folders_are_named_from_the_root(daemon: Endpoint, folder: str) -> None:
    body = {"name": "docs", "folders": [folder]}
    answer = ask(daemon.url + "/v1/index/add", body, token=daemon.token)
    assert (answer.status, answer.body["error"]["code"]) == (400, "invalid_arguments")
    assert "folders" in answer.body["error"]["message"]
