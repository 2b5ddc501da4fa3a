from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.model.instructor import INSTRUCTOR
from tests.model.random_checkpoint import write


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="session")
def model(checkpoint: Path) -> INSTRUCTOR:
    return INSTRUCTOR(str(checkpoint), device="cpu", dtype="float32")
