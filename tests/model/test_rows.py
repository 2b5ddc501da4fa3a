from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from openclaw_instructor.model import rows
from openclaw_instructor.model.checkpoint import Checkpoint, Shape
from openclaw_instructor.model.encoder import Encoder
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.writer import write_checkpoint

# Alone, in groups, and in a pass of more rows than sums go through at a time.
TEXTS = ["a letter", "an invoice, long overdue", *(f"{n}: " + "the boats " * n for n in (9, 9, 40))]


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("head_width", [32, 48])
def test_wider_rows_give_the_same_vectors(
    activation: str, head_width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mini = Checkpoint.open("mini")
    shape = Shape(
        mini.shape.vocab_size, 128, 512, 4, head_width, 2, 32, 128, 1e-6, 64, normalize=True, activation=activation
    )
    torch.manual_seed(0)
    write_checkpoint(tmp_path, Encoder(shape), tokenizer_from=mini.folder, max_seq_length=128, card="")
    vectors = []
    for pays in (False, True):
        monkeypatch.setattr(rows, "pays", lambda dtype, device, width, pays=pays: pays)
        model = INSTRUCTOR(tmp_path, "cpu", "float32")
        vectors.append([model.encode(TEXTS), np.stack([model.encode(text) for text in TEXTS])])
    np.testing.assert_allclose(*vectors, atol=1e-6)


def test_rows_that_products_read_and_write_are_an_odd_number_of_lines() -> None:
    shapes = [(2_304, 768), (768, 768), (3_072, 768), (768, 3_072)]
    wide = [tuple(weight.shape) for weight in rows.widened([torch.ones(shape) for shape in shapes])]
    assert wide == [(2_336, 800), (768, 768), (3_168, 800), (768, 3_168)]


def test_what_is_added_is_zero_and_what_was_stays() -> None:
    weights = [torch.rand(size) + 1 for size in [(96, 32), (32, 32), (64, 32), (32, 64)]]
    for weight, wide in zip(weights, rows.widened(weights), strict=True):
        assert torch.equal(wide[: weight.size(0), : weight.size(1)], weight)
        assert wide.count_nonzero() == weight.numel()
