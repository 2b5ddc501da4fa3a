from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model import device
from openclaw_instructor.model.batching import rounded_up
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.inference import split_float32, torchscript
from openclaw_instructor.model.inference.backend import Backend
from openclaw_instructor.model.inference.loading import load_backend
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt

CPU = torch.device("cpu")
# Three lengths, one of them twice, an instruction before two; together fewer tokens than the row that holds them.
PROMPTS = [
    Prompt([5, 9, 1], 0, truncated=False),
    Prompt([7, 8, 6, 4, 1], 2, truncated=False),
    Prompt([9, 9, 3, 4, 1], 0, truncated=False),
    Prompt([*range(3, 30), 1], 4, truncated=False),
]


def loaded(checkpoint: Path) -> Backend:
    return load_backend(Checkpoint.open(checkpoint), torch.float32, CPU)


@torch.inference_mode()
def test_the_backend_computes_what_the_plain_network_does(checkpoint: Path) -> None:
    plain, backend = T5Encoder.from_checkpoint(Checkpoint.open(checkpoint)), loaded(checkpoint)
    tokens = sum(len(prompt.ids) for prompt in PROMPTS)
    assert rounded_up(tokens) > tokens
    exact, rounded = Packed.of(PROMPTS), Packed.of(PROMPTS, rounded=True)
    torch.testing.assert_close(backend.embed(rounded), plain(exact), atol=1e-5, rtol=1e-4)
    states = backend.token_states(rounded)[:tokens]
    torch.testing.assert_close(states, plain.token_states(plain.hidden(exact)), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_what_is_not_compiled_computes_the_same(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = loaded(checkpoint).embed(Packed.of(PROMPTS))
    monkeypatch.setattr(torchscript, "_onednn_is_faster", lambda device, dtype: False)
    monkeypatch.setattr(torchscript, "UNCOMPILED_FROM", (3, 0))
    monkeypatch.delattr(torchscript, "compile_script")
    torch.testing.assert_close(loaded(checkpoint).embed(Packed.of(PROMPTS)), expected, atol=1e-5, rtol=1e-4)


def test_a_model_that_moves_chooses_its_format_anew(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "INT8_ENGINES", ())
    monkeypatch.setattr(device, "_multiplies_bfloat16", lambda device: device.index is None)
    model = INSTRUCTOR(checkpoint, "cpu")
    assert model.dtype == torch.bfloat16
    vector = model.encode("a letter", device="cpu:0")
    assert model.dtype == torch.float32
    np.testing.assert_allclose(vector, INSTRUCTOR(checkpoint, "cpu", "float32").encode("a letter"), atol=1e-6)


@pytest.mark.parametrize(
    ("amx", "vectors", "faster", "inference", "training"),
    [
        (True, True, False, torch.bfloat16, torch.bfloat16),
        (False, True, False, torch.int8, torch.float32),
        (False, True, True, torch.int8, torch.bfloat16),
        (False, False, True, torch.int8, torch.float32),
    ],
)
def test_auto_goes_by_what_multiplies_bfloat16(
    amx: bool,
    vectors: bool,
    faster: bool,
    inference: torch.dtype,
    training: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "has_cpu_feature", {"amx_tile": amx, "avx512_bf16": vectors}.__getitem__)
    monkeypatch.setattr(device, "_vectors_are_faster", lambda: faster)
    monkeypatch.setattr(device, "has_int8", lambda device: True)
    assert (device.choose_dtype("auto", CPU), device.choose_training_dtype("auto", CPU)) == (inference, training)


def test_int8_is_no_format_to_train_in() -> None:
    with pytest.raises(InvalidArguments, match="int8 is a format to serve in"):
        device.choose_training_dtype("int8", CPU)


def test_int8_is_refused_where_it_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "INT8_ENGINES", ())
    with pytest.raises(InvalidArguments, match="dtype int8: it runs on x86 processors only"):
        device.choose_dtype("int8", CPU)
    with pytest.raises(InvalidArguments, match="not on this cuda"):
        device.choose_dtype("int8", torch.device("cuda"))


def test_float32_is_split_with_amx_on_wide_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "has_cpu_feature", lambda feature: True)
    assert split_float32.is_supported(torch.float32, CPU, 768)
    assert not split_float32.is_supported(torch.bfloat16, CPU, 768)
    assert not split_float32.is_supported(torch.float32, CPU, 384)
    assert not split_float32.is_supported(torch.float32, torch.device("cuda"), 768)
    monkeypatch.setattr(device, "has_cpu_feature", lambda feature: False)
    assert not split_float32.is_supported(torch.float32, CPU, 768)
