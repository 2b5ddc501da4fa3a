from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.client import Client
from openclaw_instructor.daemon.endpoint import Endpoint
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from tests.engine.held_embedder import HeldEmbedder, engine_with
from tests.server.serving import Local, kill, make_home, serving


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
    with ExitStack() as servers:

        def start(head_seconds: float = 10.0, **settings: Any) -> Local:
            model = HeldEmbedder()
            engine = engine_with(model, tmp_path, **settings)
            toolbox = Toolbox(settings=engine.settings, engine=engine)
            return servers.enter_context(serving(toolbox, model, head_seconds))

        yield start
