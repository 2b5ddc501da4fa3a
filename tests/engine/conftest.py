from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.engine import Engine
from openclaw_instructor.model.prompt import Prompt
from tests.engine.word_model import WordModel, WordPrompter, engine_with


@pytest.fixture
def model() -> WordModel:
    return WordModel()


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each call of the tokenizer got."""
    counts: list[int] = []
    render = WordPrompter.render

    def counted(self: WordPrompter, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        counts.append(len(texts))
        return render(self, instruction, texts)

    monkeypatch.setattr(WordPrompter, "render", counted)
    return counts


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
