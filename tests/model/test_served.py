from __future__ import annotations

from pathlib import Path

import pytest
import torch

from openclaw_instructor.model import served
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.encoder import Encoder
from openclaw_instructor.model.packing import Packed, rounded_up
from openclaw_instructor.model.prompt import Prompt

CPU = torch.device("cpu")
# Three lengths, one of them twice, an instruction before two; together fewer tokens than the row that holds them.
PROMPTS = [
    Prompt([5, 9, 1], 0, truncated=False),
    Prompt([7, 8, 6, 4, 1], 2, truncated=False),
    Prompt([9, 9, 3, 4, 1], 0, truncated=False),
    Prompt([*range(3, 30), 1], 4, truncated=False),
]


def serving(checkpoint: Path) -> Encoder:
    return Encoder.for_inference(Checkpoint.open(checkpoint), torch.float32, CPU)


@torch.inference_mode()
def test_what_serves_computes_what_trains(checkpoint: Path) -> None:
    trained, served_one = Encoder.from_checkpoint(Checkpoint.open(checkpoint)), serving(checkpoint)
    tokens = sum(len(prompt.ids) for prompt in PROMPTS)
    assert rounded_up(tokens) > tokens
    plain, rounded = Packed.of(PROMPTS), Packed.of(PROMPTS, rounded=True)
    torch.testing.assert_close(served_one(rounded), trained(plain), atol=1e-5, rtol=1e-4)
    states = served_one.token_states(served_one.hidden(rounded))[:tokens]
    torch.testing.assert_close(states, trained.token_states(trained.hidden(plain)), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_what_is_not_compiled_computes_the_same(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = serving(checkpoint)(Packed.of(PROMPTS))
    monkeypatch.setattr(served, "_packs", lambda device: False)
    monkeypatch.setattr(served, "UNCOMPILED_FROM", (3, 0))
    monkeypatch.delattr(served, "_compiled")
    torch.testing.assert_close(serving(checkpoint)(Packed.of(PROMPTS)), expected, atol=1e-5, rtol=1e-4)
