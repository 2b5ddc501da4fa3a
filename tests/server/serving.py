"""What the tests of the server share: a small HTTP client, homes, and the application on a model that can be held."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from openclaw_instructor import __version__
from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.endpoint import CHALLENGE_HEADER, Endpoint, agent_token, proof
from openclaw_instructor.lock import exclusive
from openclaw_instructor.server.app import App
from openclaw_instructor.server.http_protocol import LimitedProtocol
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from tests import prepared_weights
from tests.engine.held_embedder import HeldEmbedder

TOKEN = "a-token-for-the-tests"
PROGRAM = [sys.executable, "-m", "openclaw_instructor"]
EXTRA_TASK = """\
version: 1
tasks:
  match_products:
    kind: match
    description: Find the product a text is about.
    instruction: "Represent the product for retrieval:"
"""


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def ask(
    url: str,
    body: Any = None,
    *,
    token: str | None = None,
    method: str | None = None,
    timeout: float = 60,
    **headers: str,
) -> Answer:
    """One request with the standard library's client; JSON in, JSON out."""
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(url, content, method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return Answer(response.status, _parse(response.read()), dict(response.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _parse(error.read()), dict(error.headers))


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode()


def wait_until(condition: Callable[[], object], seconds: float = 90) -> None:
    """Poll until `condition()` holds; fails when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def make_home(folder: Path, **settings: Any) -> Settings:
    """A home whose configuration holds `settings`; the daemon is given nothing else. Slow machines may load slowly."""
    settings = {"load_wait": 100} | settings
    folder.mkdir(parents=True, exist_ok=True)
    prepared_weights.give(folder)
    (folder / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    return Settings.load(folder)


@contextmanager
def standing_in(settings: Settings, answer: Callable[[str], tuple[int, object] | None]) -> Iterator[list[str]]:
    """A server that holds the daemon's lock and is well for /health; `answer(path)` is its status and JSON, or None to
    hang up. Gives the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def health(self) -> dict[str, object]:
            challenge = self.headers.get(CHALLENGE_HEADER, "")
            return {"pid": os.getpid(), "proof": proof(agent_token("token"), challenge, self.server.server_port)}

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path != "/health":
                asked.append(self.path)
            said = (200, self.health()) if self.path == "/health" else answer(self.path)
            self.close_connection = said is None
            if said:
                body = json.dumps(said[1]).encode()
                self.send_response(said[0])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    with (
        exclusive(lifecycle.life_lock(settings), 1, "standing in"),
        http.server.ThreadingHTTPServer(("", 0), Handler) as server,
    ):
        url = f"http://127.0.0.1:{server.server_address[1]}"
        Endpoint(url, "token", os.getpid(), __version__).write(settings.daemon_path)
        threading.Thread(target=server.serve_forever).start()
        yield asked
        server.shutdown()
    settings.daemon_path.unlink()


def kill(settings: Settings) -> None:
    """End whatever daemon a test left behind."""
    endpoint = lifecycle.announced(settings)
    if endpoint is not None:
        os.kill(endpoint.pid, signal.SIGKILL)


@dataclass
class Local:
    """The application on a real socket in this process, on a model that a test can hold."""

    url: str
    app: App
    model: HeldEmbedder
    toolbox: Toolbox

    @property
    def agent_token(self) -> str:
        return agent_token(TOKEN)

    def ask(self, path: str, body: Any = None, **options: Any) -> Answer:
        return ask(self.url + path, body, token=TOKEN, **options)


@contextmanager
def serving(toolbox: Toolbox, model: HeldEmbedder, head_seconds: float = 10.0) -> Iterator[Local]:
    """The application of a Toolbox on a free port, in a thread."""
    app = App(toolbox, TOKEN, lambda known: {"status": "ok", "pid": os.getpid()})
    protocol = type("Protocol", (LimitedProtocol,), {"head_seconds": head_seconds})
    config = uvicorn.Config(app, port=0, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Local(f"http://127.0.0.1:{port}", app, model, toolbox)
    finally:
        model.gate.set()
        server.should_exit = True
        thread.join(10)
        toolbox.close()
