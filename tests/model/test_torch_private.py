"""A torch without the private names that this package uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from openclaw_instructor import INSTRUCTOR
from openclaw_instructor.model import torch_private

TEXTS = [["Represent the sentence: ", text] for text in ("one", "two or three words", "four more of them and a half")]


@pytest.fixture
def bare_torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hides what is not public API."""
    find = torch_private.find

    def public(name: str) -> object:
        return None if name.startswith(("ops.", "classes.", "cpu.", "jit.")) else find(name)

    monkeypatch.setattr(torch_private, "find", public)
    torch_private.has_cpu_feature.cache_clear()
    yield
    torch_private.has_cpu_feature.cache_clear()


def test_without_private_names_vectors_stay_the_same(tiny_checkpoint: Path, request: pytest.FixtureRequest) -> None:
    before = INSTRUCTOR(tiny_checkpoint, dtype="float32").encode(TEXTS)
    request.getfixturevalue("bare_torch")
    model = INSTRUCTOR(tiny_checkpoint, dtype="float32")
    np.testing.assert_allclose(model.encode(TEXTS), before, atol=2e-6)


@pytest.mark.usefixtures("bare_torch")
def test_without_private_names_there_is_no_int8(tiny_checkpoint: Path) -> None:
    assert torch_private.int8_engine() == "none"
    assert INSTRUCTOR(tiny_checkpoint, dtype="auto", device="cpu").dtype == torch.float32
