from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import has_amx
from openclaw_instructor.model.inference import split_float32
from openclaw_instructor.model.inference.loading import load_backend
from openclaw_instructor.model.inference.split_float32 import STEPS, SplitWeight, split, split_linear
from openclaw_instructor.model.inference.torchscript import TorchBackend
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.model.torch_private import has_cpu_feature
from openclaw_instructor.model.writer import write_checkpoint

CPU = torch.device("cpu")
TEXTS = ["a letter", "an invoice of the harbour office, long overdue", *(f"{n}: " + "the boats " * n for n in (9, 40))]

# Without VNNI the processor adds two products in 16 bits, where digits overflow; float32 is never split there.
pytestmark = pytest.mark.skipif(not has_cpu_feature("vnni"), reason="this processor has no VNNI")


@pytest.fixture
def splitting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of float32 are made of int8's, whatever the width and the processor."""
    monkeypatch.setattr(split_float32, "is_supported", lambda dtype, device, width: True)


def scale_of(rows: torch.Tensor) -> torch.Tensor:
    return rows.abs().amax(1, keepdim=True)


def test_digits_add_up_to_the_number_to_what_float32_rounds() -> None:
    torch.manual_seed(0)
    rows = torch.randn(100, 33) * torch.logspace(-9, 9, 100)[:, None]
    cut = split(rows, scale_of(rows)).double()
    whole = cut[0] * 65_536 + cut[1] * 256 + cut[2]
    assert cut.abs().max() <= 128
    assert (whole - rows.double() * (STEPS / scale_of(rows).double())).abs().max() < 2


def test_the_greatest_value_of_a_row_keeps_its_sign() -> None:
    rows = torch.tensor([[1.0, -1.0, 0.0], [0.1, -0.3, 0.3], [1e-30, 3e-31, -1e-30]])
    cut = split(rows, scale_of(rows))
    assert cut[0].tolist() == [[127, -127, 0], [42, -127, 127], [127, 38, -127]]


@pytest.mark.parametrize("rows", [1, 20, 64, 65, 300])
@pytest.mark.parametrize("activation", ["none", "relu"])
def test_a_product_is_as_exact_as_one_of_float32(rows: int, activation: str) -> None:
    torch.manual_seed(rows)
    # Channels that stand out, as those of a trained stream do.
    x, weight = torch.randn(rows, 192) * torch.randn(192).exp(), torch.randn(80, 192)
    exact = x.double() @ weight.double().T
    got = split_linear(split(x, scale_of(x)), SplitWeight.of(weight), activation) * scale_of(x)
    if activation == "relu":
        exact = exact.relu()
    error = (got - exact).norm() / exact.norm()
    assert 0 < error < 1e-6


# Without AMX oneDNN multiplies signed by signed digits one by one: right, and minutes for this many layers.
@pytest.mark.skipif(not has_amx(CPU), reason="this processor has no AMX")
@pytest.mark.usefixtures("splitting")
def test_a_trained_checkpoint_gives_the_vectors_of_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = INSTRUCTOR("mini", "cpu", "float32")
    monkeypatch.setattr(split_float32, "is_supported", lambda dtype, device, width: False)
    plain = INSTRUCTOR("mini", "cpu", "float32")
    vectors = cut.encode(TEXTS)
    np.testing.assert_allclose(vectors, plain.encode(TEXTS), atol=2e-6)
    np.testing.assert_allclose(np.stack([cut.encode(text) for text in TEXTS]), vectors, atol=2e-6)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_both_activations_give_the_vectors_of_float32(
    activation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mini = Checkpoint.open("mini")
    shape = T5Shape(mini.shape.vocab_size, 128, 512, 4, 32, 2, 32, 128, 1e-6, 64, normalize=True, activation=activation)
    torch.manual_seed(0)
    write_checkpoint(tmp_path, T5Encoder(shape), tokenizer_from=mini.folder, max_seq_length=128, card="")
    vectors = []
    for supported in (False, True):
        monkeypatch.setattr(split_float32, "is_supported", lambda dtype, device, width, supported=supported: supported)
        vectors.append(INSTRUCTOR(tmp_path, "cpu", "float32").encode(TEXTS))
    np.testing.assert_allclose(vectors[0], vectors[1], atol=2e-6)


@pytest.mark.usefixtures("splitting")
def test_no_weight_is_kept_both_split_and_whole() -> None:
    backend = load_backend(Checkpoint.open("mini"), torch.float32, CPU)
    assert isinstance(backend, TorchBackend)
    assert backend.weights.tokens.dtype == torch.float32
    assert (len(backend.weights.layers), len(backend.weights.int8.split)) == (0, 4 * backend.shape.layers)
