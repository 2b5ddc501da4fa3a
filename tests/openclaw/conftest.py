"""Where the real OpenClaw is, and what the tests of this folder share."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.openclaw.program import command_line
from openclaw_instructor.settings import Settings
from tests import prepared_weights
from tests.openclaw.llm_stub import LanguageModel
from tests.openclaw.stand_in import StandIn

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The folder that holds the programs `openclaw` and `node`."""
    folder = Path(os.environ.get("OPENCLAW_BIN_DIR") or ROOT / "build" / "openclaw" / "node_modules" / ".bin")
    if not (folder / "openclaw").exists() or not (folder / "node").exists():
        pytest.skip(f"no OpenClaw in {folder}; run `make openclaw`, or set OPENCLAW_BIN_DIR")
    return folder.absolute()


@pytest.fixture(scope="session")
def node(binaries: Path) -> str:
    return str(binaries / "node")


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture(scope="module")
def language_model() -> Iterator[LanguageModel]:
    model = LanguageModel()
    yield model
    model.close()


@dataclass
class Instructor:
    """This project as a user has it: its program, a home and a folder of indexed documents."""

    settings: Settings
    environment: dict[str, str]

    def run(self, *arguments: str, status: int = 0) -> Any:
        """The JSON that `openclaw-instructor ... --json` prints."""
        done = subprocess.run(
            [*command_line(self.settings), *arguments, "--json"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == status, f"{arguments}:\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def define(self, **tasks: dict[str, Any]) -> None:
        """Make these the user's own tasks."""
        registry = yaml.safe_dump({"version": 1, "tasks": tasks}, sort_keys=False)
        fresh = self.settings.home / "edited.yaml"
        fresh.write_text(registry, encoding="utf-8")
        fresh.replace(self.settings.instructions_path)

    def metrics(self) -> str:
        """What the daemon tells Prometheus."""
        endpoint = lifecycle.running(self.settings)
        assert endpoint
        headers = {"authorization": f"Bearer {endpoint.token}"}
        return httpx.get(f"{endpoint.url}/metrics", headers=headers, timeout=10).text


@pytest.fixture(scope="module")
def instructor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instructor]:
    folder = tmp_path_factory.mktemp("instructor")
    documents = folder / "documents"
    documents.mkdir()
    (documents / "gateway.md").write_text(
        "# Gateway\n\nThe Gateway is the process that runs the agents.\n\n## Restarting\n\n"
        "To restart the Gateway safely, drain its sessions first and then send it SIGUSR1.\n"
    )
    (documents / "garden.md").write_text("# Garden\n\nTomatoes want full sun and a deep drink twice a week.\n")
    home = folder / "home"
    home.mkdir()
    prepared_weights.give(home)
    checkpoint = os.environ.get("OPENCLAW_TESTS_CHECKPOINT", "mini")
    (home / "config.yaml").write_text(yaml.safe_dump({"checkpoint": checkpoint, "exit_after": 600}))
    settings = Settings(home=home, checkpoint=checkpoint, exit_after=600)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENCLAW")}
    instructor = Instructor(settings, environment)
    instructor.run("index", "add", "docs", str(documents))
    yield instructor
    lifecycle.stop(settings)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def host(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("openclaw_instructor.openclaw.sync._RETRY_SECONDS", 0.01)
    # The Gateway that it stands in for listens nowhere.
    monkeypatch.setenv("OPENCLAW_GATEWAY_URL", "ws://stand-in")
    return StandIn(folder, settings)
