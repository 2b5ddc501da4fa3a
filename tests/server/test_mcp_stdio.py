"""The stdio server, driven by the SDK's own client and by raw lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from openclaw_instructor.daemon.transport import Cancellation, Cancelled
from openclaw_instructor.registry import Registry
from openclaw_instructor.server import mcp_stdio
from openclaw_instructor.settings import Settings
from tests.server.serving import EXTRA_TASK, PROGRAM, kill, make_home, wait_until


def initialize(version: str = "2025-11-25") -> dict[str, Any]:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def call(number: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


class Pipes:
    """A StdioServer in this process, on real pipes."""

    def __init__(self, settings: Settings, run: mcp_stdio.Runner) -> None:
        to_server, self._sink = os.pipe()
        self._source, from_server = os.pipe()
        self.answers = os.fdopen(self._source, "rb")
        self._input = os.fdopen(to_server, "rb")
        self._output = os.fdopen(from_server, "wb")
        server = mcp_stdio.StdioServer(Registry.load(settings), run, self._input, self._output)
        self.thread = threading.Thread(target=server.serve)
        self.thread.start()

    def send(self, *messages: Any) -> None:
        for message in messages:
            os.write(self._sink, message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")

    def read(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.answers.readline())
        return message

    def ask(self, message: Any) -> dict[str, Any]:
        self.send(message)
        return self.read()

    def close(self) -> None:
        os.close(self._sink)
        self.thread.join(20)
        assert not self.thread.is_alive()
        for file in (self._output, self._input, self.answers):
            file.close()


def echo(task: str, arguments: Mapping[str, Any], *, cancellation: Cancellation) -> dict[str, Any]:
    return {"task": task, **arguments}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Settings]:
    settings = make_home(tmp_path / "home")
    yield settings
    kill(settings)


@pytest.fixture
def pipes(home: Settings) -> Iterator[Callable[..., Pipes]]:
    opened: list[Pipes] = []

    def start(run: mcp_stdio.Runner = echo) -> Pipes:
        opened.append(Pipes(home, run))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_the_sdk_s_client_lists_and_calls_tools(home: Settings) -> None:
    async def talk() -> None:
        program, *arguments = PROGRAM
        server = StdioServerParameters(
            command=program, args=[*arguments, "--home", str(home.home), "mcp", "--in-process"]
        )
        async with stdio_client(server) as streams, ClientSession(*streams) as session:
            hello = await session.initialize()
            assert hello.protocol_version == "2025-11-25"
            assert hello.capabilities.tools is not None
            assert hello.capabilities.tools.list_changed
            assert hello.capabilities.resources is None
            assert hello.capabilities.prompts is None
            listed = (await session.list_tools()).tools
            assert [tool.name for tool in listed] == list(Registry.load(home).tasks)
            for tool in listed:
                assert tool.annotations is not None
                assert (tool.annotations.read_only_hint, tool.annotations.open_world_hint) == (True, False)
                assert tool.output_schema is None
                assert tool.input_schema["type"] == "object"
                assert tool.title
            candidates = ["I want my money back", "The weather is fine"]
            arguments_ = {"query": "refund", "candidates": candidates, "threshold": -1}
            result = await session.call_tool("semantic_match", arguments_)
            assert not result.is_error
            assert result.structured_content is None
            [block] = result.content
            answer = json.loads(block.text)  # type: ignore[union-attr]
            assert {match["index"] for match in answer["matches"]} == {0, 1}
            wrong = await session.call_tool("semantic_match", {"query": "refund", "candidates": []})
            assert wrong.is_error
            assert wrong.content[0].text.startswith("semantic_match: `candidates` has 0 entries")  # type: ignore[union-attr]
            await session.send_ping()

    anyio.run(talk)


def test_calls_go_to_the_daemon_which_outlives_the_shim(home: Settings) -> None:
    messages = [
        initialize(),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        call(2, "search_docs", {"query": "x"}),
        call(3, "serch_docs", {"query": "x"}),
        call(4, "search_docs", {}),
    ]
    lines = "".join(json.dumps(message) + "\n" for message in messages)
    ended = subprocess.run(
        [*PROGRAM, "--home", str(home.home), "mcp"], input=lines, capture_output=True, text=True, timeout=300
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    answers = {answer["id"]: answer["result"] for answer in map(json.loads, ended.stdout.splitlines())}
    assert set(answers) == {1, 2, 3, 4}
    for number, words in (
        (2, "openclaw-instructor index add"),
        (3, "did you mean `search_docs`"),
        (4, "`query` is missing"),
    ):
        assert words in answers[number]["content"][0]["text"], answers[number]
    assert answers[3]["isError"]
    assert answers[4]["isError"]
    status = subprocess.run(
        [*PROGRAM, "--home", str(home.home), "daemon", "status", "--json"], capture_output=True, text=True, timeout=300
    )
    assert json.loads(status.stdout)["answers"] is True


def test_the_tool_list_needs_no_heavy_import(home: Settings) -> None:
    heavy = {"torch", "numpy", "transformers", "faiss", "mcp", "uvicorn", "starlette", "httpx", "asyncio"}
    code = (
        "import sys\nfrom openclaw_instructor.cli import main\n"
        "try:\n    main()\nfinally:\n"
        f"    print(sorted({heavy!r} & {{name.split('.')[0] for name in sys.modules}}), file=sys.stderr)\n"
    )
    lines = json.dumps(initialize()) + "\n" + json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}) + "\n"
    ended = subprocess.run(
        [sys.executable, "-c", code, "--home", str(home.home), "mcp"],
        input=lines,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.stderr.strip() == "[]"
    assert len(json.loads(ended.stdout.splitlines()[1])["result"]["tools"]) >= 3
    assert not home.daemon_path.exists()


def test_an_edit_of_the_registry_is_announced_and_listed(pipes: Callable[..., Pipes], home: Settings) -> None:
    server = pipes()
    server.ask(initialize())
    home.instructions_path.write_text(EXTRA_TASK)
    assert server.read() == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    listed = server.ask({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})["result"]["tools"]
    assert "match_products" in [tool["name"] for tool in listed]
    home.instructions_path.write_text(EXTRA_TASK + "\tbroken: [\n")
    still = server.ask({"jsonrpc": "2.0", "id": 3, "method": "tools/list"})["result"]["tools"]
    assert still == listed


@pytest.mark.parametrize(
    ("version", "agreed"),
    [("2025-06-18", "2025-06-18"), ("2024-11-05", "2024-11-05"), ("1999-01-01", "2025-11-25"), (None, "2025-11-25")],
)
def test_versions_are_negotiated(pipes: Callable[..., Pipes], version: Any, agreed: str) -> None:
    assert pipes().ask(initialize(version))["result"]["protocolVersion"] == agreed


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        (b"{nonsense\n", None, -32700),
        (b"[" * 50_000 + b"\n", None, -32700),
        (b"\xff\xfe\n", None, -32700),
        (b"[]\n", None, -32600),
        (b"12\n", None, -32600),
        (b'{"jsonrpc": "2.0", "id": 5}\n', None, -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}\n', None, -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}\n', None, -32600),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "resources/list"}\n', 5, -32601),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "server/discover"}\n', 5, -32601),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": []}\n', 5, -32602),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": [1]}\n', 5, -32602),
        (b'{"jsonrpc": "2.0", "id": "5", "method": "tools/call", "params": {"name": 3}}\n', "5", -32602),
        (
            b'{"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "x", "arguments": [1]}}\n',
            5,
            -32602,
        ),
    ],
)
def test_what_is_no_request_gets_a_json_rpc_error(
    pipes: Callable[..., Pipes], line: bytes, number: Any, code: int
) -> None:
    server = pipes()
    answer = server.ask(line)
    assert (answer["id"], answer["error"]["code"]) == (number, code)
    assert server.ask({"jsonrpc": "2.0", "id": 9, "method": "ping"})["result"] == {}


def test_stray_messages_are_ignored(pipes: Callable[..., Pipes]) -> None:
    server = pipes()
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 0}}
    response = {"jsonrpc": "2.0", "id": 7, "result": {}}
    server.send(cancelled, response, b"\n", {"jsonrpc": "2.0", "method": "notifications/unknown"})
    assert server.ask({"jsonrpc": "2.0", "id": 9, "method": "ping"})["id"] == 9


def test_a_message_that_is_too_long_is_refused_and_skipped(
    pipes: Callable[..., Pipes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_stdio, "MAX_LINE", 1_000)
    server = pipes()
    answer = server.ask(call(2, "semantic_match", {"query": "x" * 5_000}))
    assert (answer["id"], answer["error"]["code"]) == (None, -32600)
    assert server.ask({"jsonrpc": "2.0", "id": 9, "method": "ping"})["id"] == 9


def test_calls_run_side_by_side(pipes: Callable[..., Pipes]) -> None:
    meeting = threading.Barrier(3, timeout=20)

    def run(task: str, arguments: Mapping[str, Any], *, cancellation: Cancellation) -> dict[str, Any]:
        meeting.wait()
        return {"task": task}

    server = pipes(run)
    server.send(*(call(number, "search_docs", {}) for number in (1, 2, 3)))
    assert {server.read()["id"] for _ in range(3)} == {1, 2, 3}


def test_a_cancelled_call_is_not_answered(pipes: Callable[..., Pipes]) -> None:
    started = threading.Event()

    def run(task: str, arguments: Mapping[str, Any], *, cancellation: Cancellation) -> dict[str, Any]:
        started.set()
        wait_until(lambda: cancellation.cancelled)
        raise Cancelled

    server = pipes(run)
    server.send(call(4, "search_docs", {}))
    assert started.wait(20)
    server.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 4}})
    assert server.ask({"jsonrpc": "2.0", "id": 9, "method": "ping"})["id"] == 9


def test_an_unforeseen_error_keeps_its_words_to_itself(
    pipes: Callable[..., Pipes], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(task: str, arguments: Mapping[str, Any], *, cancellation: Cancellation) -> dict[str, Any]:
        raise ValueError("the secret of the mail")

    result = pipes(run).ask(call(4, "search_docs", {}))["result"]
    assert result["isError"]
    assert "ValueError" in result["content"][0]["text"]
    assert "secret" not in result["content"][0]["text"]
