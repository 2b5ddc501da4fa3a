"""The mounted /mcp endpoint, driven by the SDK's own client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.endpoint import Endpoint
from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.kinds.match import MatchTask
from openclaw_instructor.settings import Settings
from tests.server.serving import EXTRA_TASK, Local, ask


async def talk(endpoint: Endpoint, settings: Settings, changed: bool) -> None:
    news = anyio.Event()

    async def on_message(message: Any) -> None:
        if "list_changed" in str(getattr(message, "method", "")):
            news.set()

    headers = {"Authorization": f"Bearer {endpoint.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=300) as http,
        streamable_http_client(endpoint.url + "/mcp", http_client=http) as streams,
        ClientSession(streams[0], streams[1], message_handler=on_message) as session,
    ):
        hello = await session.initialize()
        assert hello.server_info.name == "openclaw-instructor"
        assert hello.capabilities.tools is not None
        assert hello.capabilities.tools.list_changed
        assert hello.capabilities.resources is not None  # the views of MCP Apps
        listed = (await session.list_tools()).tools
        assert [tool.name for tool in listed] == list(Registry.load(settings).tasks)
        assert {tool.title for tool in listed} >= {"Search docs"}
        hints = [tool.annotations.model_dump() for tool in listed if tool.annotations]
        assert [hint["read_only_hint"] for hint in hints] == [True] * len(listed)
        assert [hint["destructive_hint"] for hint in hints] == [False] * len(listed)
        found = await session.call_tool("semantic_match", {"query": "refund", "candidates": ["money", "rain"]})
        assert not found.is_error
        assert "matches" in json.loads(found.content[0].text)  # type: ignore[union-attr]
        wrong = await session.call_tool("semantic_match", {"query": "refund"})
        assert wrong.is_error
        assert "`candidates` is missing" in wrong.content[0].text  # type: ignore[union-attr]
        if changed:
            settings.instructions_path.write_text(EXTRA_TASK)
            with anyio.fail_after(20):
                await news.wait()
            assert "match_products" in [tool.name for tool in (await session.list_tools()).tools]


def test_the_sdk_s_client_lists_calls_and_hears_of_changes(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    anyio.run(talk, endpoint, settings, True)
    assert lifecycle.stop(settings)


def test_without_the_token_there_is_no_mcp(daemon: Endpoint) -> None:
    answer = ask(daemon.url + "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert answer.status == 401


async def call_as_agent(local: Local) -> tuple[dict[str, Any], str | None, str]:
    """The annotations of the tool that changes something, what the server says of itself, and a call's answer."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {local.agent_token}"}, timeout=300) as http,
        streamable_http_client(local.url + "/mcp", http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        hello = await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        called = await session.call_tool("semantic_match", {"query": "x", "candidates": ["y"]})
        annotations = tools["semantic_match"].annotations
        assert annotations is not None
        return annotations.model_dump(), hello.instructions, called.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("allowed", ["read", "write"])
def test_a_tool_that_changes_something_says_so_and_asks_for_the_scope(
    serve: Callable[..., Local], monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    monkeypatch.setattr(MatchTask, "effect", "destroy")
    hints, said, answer = anyio.run(call_as_agent, serve(agents_may=allowed))
    assert (hints["read_only_hint"], hints["destructive_hint"], hints["idempotent_hint"]) == (False, True, False)
    assert said is not None
    assert "These change something: semantic_match" in said
    assert ("this needs the scope `write`" in answer) is (allowed == "read")
