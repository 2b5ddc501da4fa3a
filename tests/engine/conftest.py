from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.engine import Engine
from openclaw_instructor.testing import WordPrompt
from tests.engine.held_embedder import HeldEmbedder, engine_with


@pytest.fixture
def model() -> HeldEmbedder:
    return HeldEmbedder()


@pytest.fixture
def rendered(model: HeldEmbedder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each call of the tokenizer got."""
    counts: list[int] = []
    render = model.render

    def counted(instruction: str, texts: Sequence[str]) -> list[WordPrompt]:
        counts.append(len(texts))
        return render(instruction, texts)

    monkeypatch.setattr(model, "render", counted)
    return counts


@pytest.fixture
def make_engine(model: HeldEmbedder, tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def make(**settings: Any) -> Engine:
        engines.append(engine_with(model, tmp_path, **settings))
        return engines[-1]

    yield make
    model.gate.set()
    for engine in engines:
        engine.close()
