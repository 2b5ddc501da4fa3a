"""Labels are fitted once, however many ask for them at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from openclaw_instructor.registry.kinds.classify import Label
from openclaw_instructor.tasks.classifier import fitted
from openclaw_instructor.testing import WordEngine

LABELS = tuple(
    Label(name=name, description=f"about {name}", examples=[f"{name} {number}" for number in range(3)])
    for name in ("bread", "boats")
)


def test_threads_that_ask_at_once_wait_for_one_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = WordEngine()
    begun, many_ask = [], threading.Barrier(6)
    fit = fitted._fit

    def slowly(*given: object) -> fitted.FittedLabels:
        begun.append(threading.get_ident())
        # Long enough for the others to come here too, if nothing keeps them.
        threading.Event().wait(0.2)
        return fit(*given)  # type: ignore[arg-type]

    def ask(_: int) -> fitted.FittedLabels:
        many_ask.wait(60)
        return fitted.fitted("sort", LABELS, "Say: ", engine)  # type: ignore[arg-type]

    monkeypatch.setattr(fitted, "_fit", slowly)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    assert len(begun) == 1
    assert all(answer is answers[0] for answer in answers)


def test_a_fit_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = WordEngine()
    engine.failure = ValueError("the model is gone")
    with pytest.raises(ValueError, match="gone"):
        fitted.fitted("sort", LABELS, "Say: ", engine)  # type: ignore[arg-type]
    engine.failure = None
    assert fitted.fitted("sort", LABELS, "Say: ", engine).labels == LABELS  # type: ignore[arg-type]
