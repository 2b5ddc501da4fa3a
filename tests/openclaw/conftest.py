"""Where the real OpenClaw is, and what the tests of this folder share."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

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
