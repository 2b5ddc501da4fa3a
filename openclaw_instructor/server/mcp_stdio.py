"""Serve MCP over standard input and output: JSON-RPC 2.0, one message a line, tools and their views.

Written out here because importing the SDK's server takes longer than a host waits for a tool list. The SDK's client
talks to it in the tests. Protocol: https://modelcontextprotocol.io/specification/2025-11-25
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Protocol, TypeAlias

from openclaw_instructor import __version__
from openclaw_instructor.daemon.transport import Cancellation, Cancelled
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.agent_view import taken
from openclaw_instructor.server import mcp_app, mcp_content

logger = logging.getLogger(__name__)

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
MAX_LINE = 72 << 20
FOLLOW_SECONDS = 1.0
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603


class Runner(Protocol):
    """Runs a task; `cancellation` ends it early where that is possible."""

    def __call__(self, task: str, arguments: Mapping[str, Any], *, cancellation: Cancellation) -> dict[str, Any]:
        """Run a task and return its result; `cancellation` breaks it off."""
        ...


Teach: TypeAlias = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
"""Teaches a task the label of a message."""


class _Refused(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class StdioServer:
    """Lists tools from the registry and runs each call in a thread of its own."""

    def __init__(
        self,
        registry: Registry,
        run: Runner,
        source: BinaryIO,
        sink: BinaryIO,
        collections: Callable[[], list[str]] = list,
        teach: Teach | None = None,
    ) -> None:
        self._registry = registry
        self._collections = collections
        self._run = run
        self._teach = teach
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()
        self._calls: dict[str, Cancellation] = {}
        self._threads: set[threading.Thread] = set()
        self._ended = threading.Event()
        self._announced = self._digest()
        self._following: threading.Thread | None = None
        self._shows_views = False

    def serve(self) -> None:
        """Answer until the input ends; calls in progress are finished first."""
        try:
            while line := self._source.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    self._skip_line(line)
                    self._refuse(None, INVALID_REQUEST, f"the message is longer than {MAX_LINE >> 20} MiB; send less")
                elif line.strip():
                    self._read(line)
            for thread in list(self._threads):
                thread.join()
        except BrokenPipeError:
            logger.info("the host went away")
        finally:
            self._ended.set()

    def _read(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._refuse(None, PARSE_ERROR, "the line is not valid JSON")
            return
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            # A message without a method is a response; this server sends no requests, so it is ignored.
            if not isinstance(message, dict) or "id" not in message or not message.keys() & {"result", "error"}:
                self._refuse(None, INVALID_REQUEST, "the message is no JSON-RPC request; one object a line")
            return
        if "id" not in message:
            self._notified(message)
            return
        number = message["id"]
        if not isinstance(number, str | int) or isinstance(number, bool):
            self._refuse(None, INVALID_REQUEST, "`id` must be a string or a whole number")
            return
        self._request(number, message)

    def _request(self, number: str | int, message: dict[str, Any]) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "initialize": self._initialize,
            "ping": lambda params: {},
            "tools/list": self._list,
            **({"resources/list": self._resources, "resources/read": self._resource} if self._shows_views else {}),
        }
        try:
            params = message.get("params") or {}
            if not isinstance(params, dict):
                raise _Refused(INVALID_PARAMS, "`params` must be an object")
            if message["method"] == "tools/call":
                self._start_call(number, params)
                return
            if message["method"] not in handlers:
                raise _Refused(METHOD_NOT_FOUND, f"no method `{message['method'][:80]}`; this server has tools only")
            self._write({"jsonrpc": "2.0", "id": number, "result": handlers[message["method"]](params)})
        except _Refused as refused:
            self._refuse(number, refused.code, str(refused))

    def _initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        if self._following is None:
            self._following = threading.Thread(target=self._follow, name="registry", daemon=True)
            self._following.start()
        wanted = params.get("protocolVersion")
        self._shows_views = mcp_app.is_supported(params.get("capabilities"))
        views: dict[str, Any] = {"resources": {}, "extensions": {mcp_app.EXTENSION: {}}} if self._shows_views else {}
        return {
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {"listChanged": True}, **views},
            "serverInfo": {"name": mcp_content.SERVER_NAME, "version": __version__},
            "instructions": mcp_content.guidance(self._registry.tool_specs()),
        }

    def _list(self, params: dict[str, Any]) -> dict[str, Any]:
        self._registry.refresh()
        self._announced = self._digest()
        specs = self._registry.tool_specs()
        tools = mcp_content.listing(specs, self._collections())
        return {"tools": mcp_app.with_views(tools, specs) if self._shows_views else tools}

    def _resources(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"resources": mcp_app.resources()}

    def _resource(self, params: dict[str, Any]) -> dict[str, Any]:
        contents = mcp_app.contents(str(params.get("uri")))
        if contents is None:
            raise _Refused(INVALID_PARAMS, "no such resource; resources/list names them")
        return {"contents": contents}

    def _start_call(self, number: str | int, params: dict[str, Any]) -> None:
        name, arguments = params.get("name"), params.get("arguments") or {}
        if not isinstance(name, str):
            raise _Refused(INVALID_PARAMS, "`name` must be the name of a tool")
        if not isinstance(arguments, dict):
            raise _Refused(INVALID_PARAMS, "`arguments` must be an object")
        cancellation = Cancellation()
        self._calls[repr(number)] = cancellation
        thread = threading.Thread(target=self._call, args=(number, name, arguments, cancellation), daemon=True)
        self._threads.add(thread)
        thread.start()

    def _call(self, number: str | int, name: str, arguments: Any, cancellation: Cancellation) -> None:
        try:
            if task := self._registry.tasks.get(name):
                arguments = taken(task.parameters(), arguments)
            result = mcp_content.success(self._answer(name, arguments, cancellation))
        except Cancelled:
            result = None
        except Exception as error:
            if not isinstance(error, InstructorError):
                logger.warning("%s failed with %s", name, type(error).__name__)
            result = mcp_content.failure(error)
        self._calls.pop(repr(number), None)
        if result is not None and not cancellation.cancelled:
            try:
                self._write({"jsonrpc": "2.0", "id": number, "result": result})
            except OSError:
                logger.info("the host went away before %s was answered", name)
        self._threads.discard(threading.current_thread())

    def _answer(self, name: str, arguments: Any, cancellation: Cancellation) -> dict[str, Any]:
        if name == mcp_app.CORRECT and self._shows_views and self._teach and name not in self._registry.tasks:
            return self._teach(*mcp_app.correction(arguments))
        return self._run(name, arguments, cancellation=cancellation)

    def _notified(self, message: dict[str, Any]) -> None:
        params = message.get("params")
        if message["method"] == "notifications/cancelled" and isinstance(params, dict):
            # Cancelling an unknown request is not an error.
            cancellation = self._calls.pop(repr(params.get("requestId")), None)
            if cancellation:
                cancellation.cancel()

    def _follow(self) -> None:
        while not self._ended.wait(FOLLOW_SECONDS):
            self._registry.refresh()
            if (digest := self._digest()) != self._announced:
                self._announced = digest
                try:
                    self._write({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
                except OSError:
                    return

    def _digest(self) -> tuple[str, ...]:
        return (self._registry.digest, *self._collections())

    def _refuse(self, number: str | int | None, code: int, message: str) -> None:
        self._write({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})

    def _write(self, message: dict[str, Any]) -> None:
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            self._sink.write(line)
            self._sink.flush()

    def _skip_line(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._source.readline(1 << 20)


def take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Take the process's input and output for the protocol alone.

    Stray prints go to standard error, and children get neither.
    """
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    return source, sink
