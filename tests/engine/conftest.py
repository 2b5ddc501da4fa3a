from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from word_model import WordModel, engine_with

from openclaw_instructor.engine import Engine


@pytest.fixture
def model() -> WordModel:
    return WordModel()


@pytest.fixture
def make_engine(model: WordModel, tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def make(**settings: Any) -> Engine:
        engines.append(engine_with(model, tmp_path, **settings))
        return engines[-1]

    yield make
    model.gate.set()
    for engine in engines:
        engine.close()
