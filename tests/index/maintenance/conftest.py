"""An index that is looked after, and damage to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.settings import Settings
from tests.index.word_engine import WordEngine


@pytest.fixture
def maintenance(home: Path, engine: WordEngine) -> Maintenance:
    """What looks after the index of `home`."""
    return Maintenance(Settings.load(home), engine)


@pytest.fixture
def maintenance_of(engine: WordEngine) -> Callable[[Path], Maintenance]:
    """What looks after the index of another home."""
    return lambda home: Maintenance(Settings.load(home), engine)
