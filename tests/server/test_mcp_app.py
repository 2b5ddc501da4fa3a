"""Results as an MCP App: only for hosts that render it, in Chromium, with a host that speaks the protocol."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.registry import Registry
from openclaw_instructor.server import mcp_app
from openclaw_instructor.server.mcp_stdio import StdioServer
from openclaw_instructor.settings import Settings
from tests.server.studio.conftest import chromium as chromium

RENDERS = {"extensions": {mcp_app.EXTENSION: {"mimeTypes": [mcp_app.MIME_TYPE]}}}
# A host as small as can be: it answers the view's requests and hands it a result.
HOST = """
window.asked = [];
const frame = document.createElement("iframe");
frame.sandbox = "allow-scripts";
frame.srcdoc = VIEW;
addEventListener("message", ({ source, data }) => {
  if (source !== frame.contentWindow) return;
  asked.push(data.method);
  const reply = (result) => source.postMessage({ jsonrpc: "2.0", id: data.id, result }, "*");
  if (data.method === "ui/initialize") reply({ protocolVersion: "2026-01-26", hostContext: { theme: "dark" } });
  if (data.method === "ui/notifications/initialized") {
    source.postMessage({ jsonrpc: "2.0", method: "ui/notifications/tool-input", params: { arguments: INPUT } }, "*");
    const content = [{ type: "text", text: RESULT }];
    source.postMessage({ jsonrpc: "2.0", method: "ui/notifications/tool-result", params: { content } }, "*");
  }
  if (data.method === "tools/call") {
    window.called = data.params;
    reply({ content: [{ type: "text", text: JSON.stringify(ANSWER) }] });
  }
});
document.body.append(frame);
"""
HOSTILE = "<img src=x onerror=alert(1)>"


def answers(home: Path, capabilities: dict[str, Any], *requests: str) -> list[dict[str, Any]]:
    """What the server says to a client with these capabilities."""
    messages = [{"method": "initialize", "params": {"capabilities": capabilities}}]
    messages += [{"method": method, "params": {"uri": mcp_app.URI}} for method in requests]
    lines = [json.dumps({"jsonrpc": "2.0", "id": number, **message}) for number, message in enumerate(messages)]
    sink = io.BytesIO()
    registry = Registry.load(Settings(home=home))
    StdioServer(registry, lambda *_, **__: {}, io.BytesIO("\n".join(lines).encode()), sink).serve()
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def test_a_host_without_views_sees_what_it_always_saw(home: Path) -> None:
    hello, tools, read = answers(home, {}, "tools/list", "resources/read")
    assert hello["result"]["capabilities"] == {"tools": {"listChanged": True}}
    assert "_meta" not in json.dumps(tools)
    assert read["error"]["message"] == "no method `resources/read`; this server has tools only"


def test_a_host_with_views_gets_them(home: Path) -> None:
    hello, tools, listed, read = answers(home, RENDERS, "tools/list", "resources/list", "resources/read")
    assert "resources" in hello["result"]["capabilities"]
    viewed = {tool["name"] for tool in tools["result"]["tools"] if tool.get("_meta", {}).get("ui")}
    assert {"search_docs", "classify_email", "semantic_match"} <= viewed
    assert "read_document" not in viewed
    (resource,) = listed["result"]["resources"]
    (content,) = read["result"]["contents"]
    assert resource["uri"] == content["uri"] == mcp_app.URI
    assert content["mimeType"] == mcp_app.MIME_TYPE
    assert len(content["text"]) < 60_000
    plain = answers(home, {}, "tools/list")[1]["result"]["tools"]
    *known, correct = tools["result"]["tools"]
    assert [{**tool, "_meta": None} for tool in plain] == [{**tool, "_meta": None} for tool in known]
    assert correct["name"] == mcp_app.CORRECT
    assert correct["_meta"]["ui"]["visibility"] == ["app"]


@pytest.fixture
def view(chromium: Any) -> Iterator[Any]:
    page = chromium.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))

    def show(result: dict[str, Any], answer: dict[str, Any], given: dict[str, Any] | None = None) -> Any:
        (content,) = mcp_app.contents(mcp_app.URI) or []
        values = {"VIEW": content["text"], "RESULT": json.dumps(result), "ANSWER": answer, "INPUT": given or {}}
        page.goto("about:blank")
        page.evaluate(f"({{{', '.join(values)}}}) => {{ {HOST} }}", values)
        return page.frame_locator("iframe")

    show.page = page
    yield show
    page.close()
    assert problems == []


def test_hits_open_their_passage(view: Any) -> None:
    hit = {"file": f"/docs/{HOSTILE}.md", "location": "lines 1-2", "heading": HOSTILE, "score": 0.9}
    result = {"hits": [hit | {"snippet": HOSTILE}], "notes": ["a note"]}
    frame = view(result, {"text": f"the whole passage {HOSTILE}"})
    frame.get_by_role("button", name="1.").click()
    frame.get_by_text("the whole passage").wait_for()
    assert view.page.evaluate("called.name") == "read_document"
    assert frame.locator("img").count() == 0
    assert "ui/notifications/size-changed" in view.page.evaluate("asked")


def test_a_label_is_corrected(view: Any) -> None:
    runners_up = [{"label": "bulk", "score": 0.2}]
    result = {"label": "invoice", "score": 0.7, "margin": 0.5, "reason": None, "runners_up": runners_up, "task": "t"}
    frame = view(result, {}, {"subject": "s", "body": "b"})
    frame.get_by_role("button", name="bulk").click()
    frame.get_by_text("learned: bulk").wait_for()
    assert view.page.evaluate("called") == {
        "name": mcp_app.CORRECT,
        "arguments": {"task": "t", "label": "bulk", "message": {"subject": "s", "body": "b"}},
    }


def test_matches_are_ranked(view: Any) -> None:
    frame = view(
        {"matches": [{"text": HOSTILE, "score": 0.8, "index": 1}, {"text": "b", "score": 0.1, "index": 0}]}, {}
    )
    frame.get_by_text("0.800").wait_for()
    assert frame.locator("li").count() == 2
    assert frame.locator("img").count() == 0
