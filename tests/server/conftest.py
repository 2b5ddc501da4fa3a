from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.client import Client
from openclaw_instructor.daemon.endpoint import Endpoint
from openclaw_instructor.server.app import App
from openclaw_instructor.server.http_protocol import LimitedProtocol
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from tests.engine.held_embedder import HeldEmbedder, engine_with
from tests.server.serving import TOKEN, Local, kill, make_home


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    made = make_home(tmp_path / "home")
    yield made
    kill(made)


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    with Client(settings) as made:
        yield made


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_home(tmp_path_factory.mktemp("shared") / "home")


@pytest.fixture(scope="session")
def daemon(shared_home: Settings) -> Iterator[Endpoint]:
    """A real daemon with the bundled checkpoint, for tests that leave it as it was."""
    yield lifecycle.ensure(shared_home)
    lifecycle.stop(shared_home)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Local]]:
    servers: list[tuple[uvicorn.Server, threading.Thread, Local]] = []

    def start(head_seconds: float = 10.0, **settings: Any) -> Local:
        model = HeldEmbedder()
        engine = engine_with(model, tmp_path, **settings)
        toolbox = Toolbox(settings=engine.settings, engine=engine)
        app = App(toolbox, TOKEN, lambda known: {"status": "ok", "pid": os.getpid()})
        protocol = type("Protocol", (LimitedProtocol,), {"head_seconds": head_seconds})
        config = uvicorn.Config(
            app, port=0, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        local = Local(f"http://127.0.0.1:{port}", app, model, toolbox)
        servers.append((server, thread, local))
        return local

    yield start
    for server, thread, local in servers:
        local.model.gate.set()
        server.should_exit = True
        thread.join(10)
        local.toolbox.close()
