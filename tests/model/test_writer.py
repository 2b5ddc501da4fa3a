from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from openclaw_instructor.errors import InvalidArguments, InvalidCheckpoint
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.writer import write_checkpoint

TEXTS = ["How do I add a task?", "The invoice for March is attached.", "Zürich 東京"]


@pytest.fixture
def quantised(tmp_path: Path) -> Path:
    """`mini`, its table in int8."""
    mini = Checkpoint.open("mini")
    encoder = T5Encoder.from_checkpoint(mini)
    return write_checkpoint(
        tmp_path / "int8", encoder, tokenizer_from=mini.folder, max_seq_length=512, card="", dtype=torch.float16,
        int8_table=True,
    )  # fmt: skip


def test_a_table_in_int8_is_half_as_large_and_hardly_another(quantised: Path) -> None:
    table = load_file(quantised / "model.safetensors")["shared.weight"]
    assert table.dtype == torch.int8
    assert table.abs().amax(dim=1).min() == 127
    before, after = (T5Encoder.from_checkpoint(Checkpoint.open(name)) for name in ("mini", quantised))
    wrong = (before.tokens.weight - after.tokens.weight).abs()
    assert (wrong <= before.tokens.weight.abs().amax(dim=1, keepdim=True) / 253).all()
    assert Checkpoint.open(quantised).megabytes < Checkpoint.open("mini").megabytes - 9


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_every_format_embeds_a_table_in_int8(quantised: Path, dtype: str) -> None:
    mini, other = (INSTRUCTOR(str(name), device="cpu", dtype=dtype) for name in ("mini", quantised))
    assert (mini.encode(TEXTS) * other.encode(TEXTS)).sum(axis=1).min() > 0.999


def test_the_identity_follows_the_scales_alone(tmp_path: Path) -> None:
    mini = Checkpoint.open("mini")
    encoder = T5Encoder.from_checkpoint(mini).requires_grad_(False)
    identities = set()
    for name in ("one", "other"):
        folder = write_checkpoint(
            tmp_path / name, encoder, tokenizer_from=mini.folder, max_seq_length=512, card="", int8_table=True
        )
        identities.add(Checkpoint.open(folder).identity)
        encoder.tokens.weight[9_000] *= 2  # which leaves its row in int8 as it is
    assert len(identities) == 2


def test_a_table_in_int8_without_scales_is_refused(quantised: Path) -> None:
    tensors = load_file(quantised / "model.safetensors")
    del tensors["shared.scales"]
    save_file(tensors, quantised / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InvalidCheckpoint, match=r"shared\.scales is missing"):
        INSTRUCTOR(str(quantised), device="cpu", dtype="float32")


def test_a_row_of_zeros_stays_one(tmp_path: Path) -> None:
    mini = Checkpoint.open("mini")
    encoder = T5Encoder.from_checkpoint(mini).requires_grad_(False)
    encoder.tokens.weight[7] = 0
    folder = write_checkpoint(
        tmp_path / "zero", encoder, tokenizer_from=mini.folder, max_seq_length=64, card="", int8_table=True
    )
    row = T5Encoder.from_checkpoint(Checkpoint.open(folder)).tokens.weight[7]
    assert np.array_equal(row.detach().numpy(), np.zeros(384, np.float32))


def test_only_a_checkpoint_is_written_over(quantised: Path, tmp_path: Path) -> None:
    mini = Checkpoint.open("mini")
    encoder, rest = T5Encoder.from_checkpoint(mini), {"tokenizer_from": mini.folder, "max_seq_length": 512, "card": ""}
    assert write_checkpoint(quantised, encoder, **rest) == quantised
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "de.jsonl").write_text("{}")
    (tmp_path / "file").write_text("notes")
    for other in ("rows", "file", "."):
        with pytest.raises(InvalidArguments, match="is no checkpoint"):
            write_checkpoint(tmp_path / other, encoder, **rest)
    assert (tmp_path / "rows" / "de.jsonl").is_file()
    assert not list(tmp_path.glob("*.new"))


def test_weights_can_be_read_by_whom_the_rest_can(quantised: Path) -> None:
    modes = {path.stat().st_mode for path in quantised.rglob("*") if path.is_file()}
    assert len(modes) == 1
