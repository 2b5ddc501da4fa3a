"""Fixtures every test may use: no test ever reads or writes the home of the person who runs it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import hypothesis
import pytest

from openclaw_instructor.model.thread_settings import keep_numpy_on_one_thread
from openclaw_instructor.settings import ENV_PREFIX

# As the program does before numpy is imported; workers of pytest-xdist share the cores.
keep_numpy_on_one_thread()
# As the program does, too: searches for garbage among what all tests import take a tenth of the time.
gc.set_threshold(50_000, 20, 50)

# No example has a time to meet: a busy machine is no fault.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

# Haystack reports its use over the network, from its import on.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--dtype", choices=["float32", "bfloat16", "int8"], help="number format of checkpoints whose settings name none"
    )


def pytest_configure(config: pytest.Config) -> None:
    # Fixtures of a module come before those of a test, so `home` alone would set this too late for them.
    if dtype := config.getoption("--dtype"):
        os.environ[f"{ENV_PREFIX}DTYPE"] = dtype


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What takes minutes begins first, so that no worker is left alone with it at the end.
    items.sort(key=lambda item: item.get_closest_marker("openclaw") is None)


@pytest.fixture(autouse=True)
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty home folder of this test's own; settings of the surrounding environment do not reach in."""
    kept = f"{ENV_PREFIX}DTYPE" if request.config.getoption("--dtype") else None
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX) and name != kept]:
        monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv(f"{ENV_PREFIX}HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random checkpoint: every code path of the model, no meaning."""
    from tests.model.random_checkpoint import write

    return write(tmp_path_factory.mktemp("tiny") / "tiny", max_seq_length=96)


@pytest.fixture
def asked_of_hub(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None, bool]]:
    """Name, revision and `offline` of every look for a hub's checkpoint; `some/one` at v1 is configured, offline."""
    asked: list[tuple[str, str | None, bool]] = []

    def snapshot(name: str, *, revision: str | None, offline: bool, pull: bool) -> tuple[Path, str]:
        asked.append((name, revision, offline))
        return tiny_checkpoint, "commit"

    monkeypatch.setattr("openclaw_instructor.model.hub.snapshot", snapshot)
    for name, value in (("CHECKPOINT", "some/one"), ("REVISION", "v1"), ("OFFLINE", "true")):
        monkeypatch.setenv(f"{ENV_PREFIX}{name}", value)
    return asked


@dataclass(frozen=True)
class Output:
    """What one command did: `out` is standard output, `err` standard error."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        import json

        return json.loads(self.out)


Command: TypeAlias = Callable[..., Output]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `openclaw-instructor ...` in this process, through the same entry point as the program."""
    from openclaw_instructor.cli import main

    def run(*arguments: str) -> Output:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(arguments)
        out, err = capsys.readouterr()
        return Output(int(end.value.code or 0), out, err)

    return run
