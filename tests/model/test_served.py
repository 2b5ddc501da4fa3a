from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model import device, served
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import INT8_ENGINES
from openclaw_instructor.model.encoder import Encoder
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.packing import Packed, rounded_up
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.model.writer import write_checkpoint

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
    monkeypatch.setattr(served, "_packs", lambda device, dtype: False)
    monkeypatch.setattr(served, "UNCOMPILED_FROM", (3, 0))
    monkeypatch.delattr(served, "_compiled")
    torch.testing.assert_close(serving(checkpoint)(Packed.of(PROMPTS)), expected, atol=1e-5, rtol=1e-4)


in_int8 = pytest.mark.skipif(
    torch.backends.quantized.engine not in INT8_ENGINES, reason="torch has no products of int8 for this processor"
)


@in_int8
def test_int8_is_near_float32_on_a_trained_checkpoint() -> None:
    texts = [
        "how do I restart the service?",
        *(f"Section {n}. " + "The backup runs every night. " * n for n in range(9)),
    ]
    exact, low = (INSTRUCTOR("mini", "cpu", dtype).encode(texts) for dtype in ("float32", "int8"))
    cosines = (exact * low).sum(1)
    assert 0.995 < cosines.min() < 0.99999


@in_int8
def test_in_int8_a_text_hardly_hangs_on_its_neighbours() -> None:
    model = INSTRUCTOR("mini", "cpu", "int8")
    texts = ["a short one", "a longer one about the harbour at night and the boats in it", "x " * 300]
    together, alone = model.encode(texts), np.stack([model.encode(text) for text in texts])
    assert (together * alone).sum(1).min() > 0.995


@in_int8
@torch.inference_mode()
def test_in_int8_token_states_are_those_of_float32() -> None:
    exact, low = (INSTRUCTOR("mini", "cpu", dtype) for dtype in ("float32", "int8"))
    states, near = (model.encode("a letter from the tax office", output_value=None) for model in (exact, low))
    assert near["token_embeddings"].shape == states["token_embeddings"].shape
    assert F.cosine_similarity(near["token_embeddings"], states["token_embeddings"]).min() > 0.99
    torch.testing.assert_close(near["sentence_embedding"].numpy(), low.encode("a letter from the tax office"))


@in_int8
def test_auto_serves_in_int8_only_what_keeps_its_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_bfloat16_is_native", lambda device: False)
    assert INSTRUCTOR("mini", "cpu").dtype == torch.int8
    # Attention so sharp that a rounded score picks another token.
    mini = Checkpoint.open("mini")
    encoder = Encoder.from_checkpoint(mini)
    with torch.no_grad():
        for layer in encoder.blocks():
            layer.qkv.weight[: len(layer.qkv.weight) * 2 // 3] *= 10
    write_checkpoint(tmp_path / "sharp", encoder, tokenizer_from=mini.folder, max_seq_length=96, card="")
    model, exact = INSTRUCTOR(tmp_path / "sharp", "cpu"), INSTRUCTOR(tmp_path / "sharp", "cpu", "float32")
    assert model.dtype == torch.float32
    np.testing.assert_allclose(model.encode("a letter"), exact.encode("a letter"), atol=1e-6)


def test_a_model_that_moves_chooses_its_format_anew(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "INT8_ENGINES", ())
    monkeypatch.setattr(device, "_bfloat16_is_native", lambda device: device.index is None)
    model = INSTRUCTOR(checkpoint, "cpu")
    assert model.dtype == torch.bfloat16
    vector = model.encode("a letter", device="cpu:0")
    assert model.dtype == torch.float32
    np.testing.assert_allclose(vector, INSTRUCTOR(checkpoint, "cpu", "float32").encode("a letter"), atol=1e-6)


def test_auto_trains_in_what_has_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    for native, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(device, "_bfloat16_is_native", lambda device, native=native: native)
        assert device.choose_training_dtype("auto", CPU) == dtype
    with pytest.raises(InvalidArguments, match="int8 is a format to serve in"):
        device.choose_training_dtype("int8", CPU)


@in_int8
def test_in_int8_no_weight_is_kept_twice() -> None:
    served_one = Encoder.for_inference(Checkpoint.open("mini"), torch.int8, CPU)
    assert served_one.tokens.weight.dtype == torch.bfloat16
    assert sum(parameter.numel() for parameter in served_one.layers.parameters()) == 0


def test_int8_is_refused_where_it_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "INT8_ENGINES", ())
    with pytest.raises(InvalidArguments, match="dtype int8: it runs on x86 processors only"):
        device.choose_dtype("int8", CPU)
    with pytest.raises(InvalidArguments, match="not on this cuda"):
        device.choose_dtype("int8", torch.device("cuda"))
