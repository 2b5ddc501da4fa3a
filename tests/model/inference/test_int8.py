from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from openclaw_instructor.model import device
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import INT8_ENGINES
from openclaw_instructor.model.inference import int8
from openclaw_instructor.model.inference.kernels.int8 import library
from openclaw_instructor.model.inference.loading import load_backend
from openclaw_instructor.model.inference.torchscript import TorchBackend
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.model.torch_private import has_cpu_feature
from openclaw_instructor.model.writer import write_checkpoint

CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(
    torch.backends.quantized.engine not in INT8_ENGINES, reason="torch has no products of int8 for this processor"
)


@pytest.fixture(params=["oneDNN", "FBGEMM"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whose products int8 runs on without the compiled pass: oneDNN's need VNNI to be exact."""
    name: str = request.param
    if name == "oneDNN" and not has_cpu_feature("vnni"):
        pytest.skip("this processor has no VNNI")
    monkeypatch.setattr(int8, "ONEDNN_MIN_WIDTH", 1 if name == "oneDNN" else 10_000)
    monkeypatch.setattr(library, "best_layout", lambda: None)
    return name


@pytest.mark.usefixtures("kernels")
def test_int8_is_near_float32_on_a_trained_checkpoint() -> None:
    texts = [
        "how do I restart the service?",
        *(f"Section {n}. " + "The backup runs every night. " * n for n in range(9)),
    ]
    exact, low = (INSTRUCTOR("mini", "cpu", dtype).encode(texts) for dtype in ("float32", "int8"))
    cosines = (exact * low).sum(1)
    assert 0.995 < cosines.min() < 0.99999


def test_in_int8_a_text_hardly_depends_on_its_neighbours(kernels: str) -> None:
    model = INSTRUCTOR("mini", "cpu", "int8")
    texts = ["a short one", "a longer one about the harbour at night and the boats in it", "x " * 300]
    together, alone = model.encode(texts), np.stack([model.encode(text) for text in texts])
    assert (together * alone).sum(1).min() > (0.99999 if kernels == "oneDNN" else 0.995)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_int8_computes_what_float32_does_with_either_activation(activation: str, tmp_path: Path) -> None:
    mini = Checkpoint.open("mini")
    shape = T5Shape(mini.shape.vocab_size, 128, 512, 4, 32, 2, 32, 128, 1e-6, 64, normalize=True, activation=activation)
    torch.manual_seed(0)
    folder = write_checkpoint(
        tmp_path / activation, T5Encoder(shape), tokenizer_from=mini.folder, max_seq_length=128, card=""
    )
    texts = ["a letter", "an invoice of the harbour office, long overdue", "x " * 90]
    exact, low = (INSTRUCTOR(folder, "cpu", dtype).encode(texts) for dtype in ("float32", "int8"))
    assert 0.999 < (exact * low).sum(1).min() < 0.999999


@torch.inference_mode()
def test_in_int8_token_states_are_those_of_float32() -> None:
    exact, low = (INSTRUCTOR("mini", "cpu", dtype) for dtype in ("float32", "int8"))
    states, near = (model.encode("a letter from the tax office", output_value=None) for model in (exact, low))
    assert near["token_embeddings"].shape == states["token_embeddings"].shape
    assert F.cosine_similarity(near["token_embeddings"], states["token_embeddings"]).min() > 0.99
    torch.testing.assert_close(near["sentence_embedding"].numpy(), low.encode("a letter from the tax office"))


def test_auto_chooses_int8_only_for_checkpoints_that_keep_their_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_multiplies_bfloat16", lambda device: False)
    assert INSTRUCTOR("mini", "cpu").dtype == torch.int8
    # Attention so sharp that a rounded score picks another token.
    mini = Checkpoint.open("mini")
    encoder = T5Encoder.from_checkpoint(mini)
    with torch.no_grad():
        for layer in encoder.blocks():
            layer.qkv.weight[: len(layer.qkv.weight) * 2 // 3] *= 10
    write_checkpoint(tmp_path / "sharp", encoder, tokenizer_from=mini.folder, max_seq_length=96, card="")
    model, exact = INSTRUCTOR(tmp_path / "sharp", "cpu"), INSTRUCTOR(tmp_path / "sharp", "cpu", "float32")
    assert model.dtype == torch.float32
    np.testing.assert_allclose(model.encode("a letter"), exact.encode("a letter"), atol=1e-6)


@pytest.mark.usefixtures("kernels")
def test_in_int8_no_weight_is_kept_twice() -> None:
    backend = load_backend(Checkpoint.open("mini"), torch.int8, CPU)
    assert isinstance(backend, TorchBackend)
    assert backend.weights.tokens.dtype == torch.bfloat16
    assert (len(backend.weights.layers), len(backend.weights.int8.split)) == (0, 0)
