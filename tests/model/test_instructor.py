from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model.batching import rounded_up
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.inference.batch_runner import Batch, BatchRunner, Done
from openclaw_instructor.model.inference.torchscript import TorchBackend
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.position import BiasCache
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed

INSTRUCTION = "Represent the sentence: "
PAIRS = [[INSTRUCTION, "pay the invoice " * n] for n in (1, 9, 2, 30, 0, 4)]


def test_results_come_in_input_order_and_equal_one_by_one(model: INSTRUCTOR) -> None:
    together = model.encode(PAIRS)
    alone = np.stack([model.encode([pair])[0] for pair in PAIRS])
    assert together.shape == (6, 24)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_token_budget_does_not_change_the_vectors(model: INSTRUCTOR) -> None:
    prompts = model.prompter.render(INSTRUCTION, [text for _, text in PAIRS])
    seen: list[int] = []
    small = model.embed(prompts, batch_tokens=20, on_progress=seen.append)
    np.testing.assert_allclose(small, model.embed(prompts), atol=1e-5)
    assert sum(seen) == sum(len(prompt.ids) for prompt in prompts)
    assert len(seen) > 1


def test_a_string_a_tuple_and_a_list(model: INSTRUCTOR) -> None:
    one = model.encode("pay the invoice")
    assert one.shape == (24,)
    np.testing.assert_allclose(one, model.encode(["pay the invoice"])[0], atol=1e-6)
    pair = model.encode((INSTRUCTION, "pay the invoice"))
    np.testing.assert_allclose(pair, model.encode([[INSTRUCTION, "pay the invoice"]])[0], atol=1e-6)
    assert model.encode([INSTRUCTION, "pay the invoice"]).shape == (2, 24)
    assert model.encode([]).shape == (0, 24)


def test_the_instruction_steers_but_is_not_pooled(model: INSTRUCTOR) -> None:
    steered, plain = model.encode([[INSTRUCTION, "pay the invoice"], ["", "pay the invoice"]])
    assert not np.allclose(steered, plain, atol=1e-3)
    outputs = model.encode([[INSTRUCTION, "pay the invoice"]], output_value=None)[0]
    mask = outputs["attention_mask"].bool()
    assert 0 < int((~mask).sum()) < len(mask)
    mean = outputs["token_embeddings"][mask].mean(0)
    dense = T5Encoder.from_checkpoint(model.checkpoint).dense.weight.detach()
    projected = torch.nn.functional.normalize(mean @ dense.T, dim=0)
    torch.testing.assert_close(projected, outputs["sentence_embedding"], atol=1e-5, rtol=1e-4)


def test_output_kinds(model: INSTRUCTOR) -> None:
    assert isinstance(model.encode(PAIRS, convert_to_tensor=True), torch.Tensor)
    listed = model.encode(PAIRS, convert_to_numpy=False)
    assert isinstance(listed, list)
    assert isinstance(listed[0], torch.Tensor)
    tokens = model.encode(PAIRS, output_value="token_embeddings")
    assert [t.shape[1] for t in tokens] == [32] * 6
    assert tokens[3].shape[0] == model.max_seq_length
    rows = model.encode(PAIRS, output_value=None)
    assert set(rows[0]) == {"input_ids", "attention_mask", "token_embeddings", "sentence_embedding"}


def test_normalize_embeddings(model: INSTRUCTOR) -> None:
    vectors = model.encode(PAIRS, normalize_embeddings=True)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_progress_bar_counts_tokens(model: INSTRUCTOR, capsys: pytest.CaptureFixture[str]) -> None:
    model.encode(PAIRS, show_progress_bar=True)
    captured = capsys.readouterr()
    assert "tok" in captured.err
    assert captured.out == ""


def test_truncation_is_reported(model: INSTRUCTOR) -> None:
    short, long = model.prompter.render(INSTRUCTION, ["pay", "pay the invoice " * 99])
    assert (short.truncated, long.truncated) == (False, True)
    assert len(long.ids) == model.max_seq_length
    assert long.ids[-1] == short.ids[-1], "the final EOS is kept"


def test_room_is_what_fits_without_truncation(model: INSTRUCTOR) -> None:
    room = model.prompter.room(INSTRUCTION)
    text = "a" * (3 * model.max_seq_length)
    while model.prompter.count([text])[0] > room:
        text = text[:-1]
    assert not model.prompter.render(INSTRUCTION, [text])[0].truncated
    assert model.prompter.render(INSTRUCTION, [text + "aaaaaaaaaaaaaaaa"])[0].truncated


def test_bfloat16_stays_close(checkpoint: Path, model: INSTRUCTOR) -> None:
    low = INSTRUCTOR(str(checkpoint), device="cpu", dtype="bfloat16").encode(PAIRS)
    assert low.dtype == np.float32
    assert (low * model.encode(PAIRS)).sum(1).min() > 0.99


@pytest.mark.parametrize("dtype", ["float16", "int3"])
def test_unusable_dtypes_are_refused(checkpoint: Path, dtype: str) -> None:
    with pytest.raises(InvalidArguments, match=dtype):
        INSTRUCTOR(str(checkpoint), device="cpu", dtype=dtype)


@pytest.mark.parametrize("device", ["nonsense", "cuda:7"])
def test_a_device_that_is_not_here(checkpoint: Path, device: str) -> None:
    with pytest.raises(InvalidArguments, match=device):
        INSTRUCTOR(str(checkpoint), device=device)


@pytest.mark.parametrize("item", [3, ["a", "b", "c"], ["a", 1], None])
def test_sentences_of_another_shape_are_named(model: INSTRUCTOR, item: object) -> None:
    with pytest.raises(InvalidArguments, match=r"sentences\[1\]"):
        model.encode(["fine", item])  # type: ignore[list-item]


def test_float16_weights_on_disk_are_computed_in_full(checkpoint: Path, model: INSTRUCTOR, tmp_path: Path) -> None:
    from openclaw_instructor.model.writer import write_checkpoint

    encoder = T5Encoder.from_checkpoint(Checkpoint.open(checkpoint))
    folder = write_checkpoint(
        tmp_path / "half", encoder, tokenizer_from=checkpoint, max_seq_length=48, card="# half\n", dtype=torch.float16
    )
    again = INSTRUCTOR(str(folder), device="cpu", dtype="float32")
    assert again.backend.dtype == torch.float32
    assert (again.encode(PAIRS) * model.encode(PAIRS)).sum(1).min() > 0.9999


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_batches_on_several_cores_give_the_same_vectors(model: INSTRUCTOR, cores: int) -> None:
    pairs = [[INSTRUCTION, f"pay invoice number {n} " * (1 + n % 7)] for n in range(120)]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(cores)
        seen: list[int] = []
        prompts = [model.prompter.render(*pair_of(pair))[0] for pair in pairs]
        divided = model.embed(prompts, on_progress=seen.append)
        assert torch.get_num_threads() == cores
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(divided, np.stack([model.encode([pair])[0] for pair in pairs]), atol=1e-5)
    assert sum(seen) == sum(len(prompt.ids) for prompt in prompts)


def pair_of(pair: list[str]) -> tuple[str, list[str]]:
    return pair[0], [pair[1]]


def test_threads_that_come_and_go_leave_all_cores_to_one(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would start OpenMP threads, and those of all together would wait for one another asleep."""
    before, ran_in = torch.get_num_threads(), []
    monkeypatch.setattr(TorchBackend, "shared_operations", 0)
    forward = BatchRunner._forward

    def noting(self: BatchRunner, batch: Batch) -> Done:
        ran_in.append((threading.current_thread(), torch.get_num_threads()))
        return forward(self, batch)

    monkeypatch.setattr(BatchRunner, "_forward", noting)
    torch.set_num_threads(2)
    try:
        model = INSTRUCTOR(checkpoint, "cpu", "float32")
        vectors = [model.encode("a letter")]
        callers = [threading.Thread(target=lambda: vectors.append(model.encode("a letter"))) for _ in range(3)]
        for caller in callers:
            caller.start()
            caller.join()
    finally:
        torch.set_num_threads(before)
    main, *others = ran_in
    assert main == (threading.main_thread(), 2)
    assert len(others) == 3
    assert len(set(others)) == 1
    assert others[0][1] == 2
    assert others[0][0] not in [*callers, threading.main_thread()]
    np.testing.assert_allclose(vectors, np.stack(vectors[:1] * 4), atol=1e-6)


class Raced(BiasCache):
    """Right after it has kept its bias, another thread keeps a shorter one."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, (2, torch.zeros(2)) if name == "_kept" and value else value)


def test_a_shorter_bias_of_another_thread_is_not_taken() -> None:
    made: list[int] = []

    def make(length: int) -> torch.Tensor:
        made.append(length)
        return torch.zeros(length)

    cache, raced = BiasCache(make), Raced(make)
    assert [len(cache.of(length)) for length in (9, 2, 12, 9)] == [9, 9, 12, 12]
    assert made == [9, 12]
    assert [len(raced.of(length)) for length in (9, 2, 9)] == [9, 2, 9]


@pytest.mark.parametrize("again", [lambda model: pickle.loads(pickle.dumps(model)), copy.copy, copy.deepcopy])
def test_a_pickle_and_a_copy_open_the_checkpoint_again(model: INSTRUCTOR, again: object) -> None:
    other = again(model)  # type: ignore[operator]
    assert (other.checkpoint, other.device, other.dtype) == (model.checkpoint, model.device, model.dtype)
    np.testing.assert_allclose(other.encode(PAIRS), model.encode(PAIRS), atol=1e-6)
    assert len(pickle.dumps(model)) < 10_000


def test_filling_a_row_up_changes_nothing_and_leaves_few_sizes(model: INSTRUCTOR) -> None:
    prompts = sorted(
        model.prompter.render(INSTRUCTION, ["pay", "pay the invoice", "invoice"]), key=lambda p: len(p.ids)
    )
    exact, filled = Packed.of(prompts), Packed.of(prompts, rounded=True)
    assert len(filled.ids) == rounded_up(len(exact.ids)) > len(exact.ids)
    with torch.inference_mode():
        torch.testing.assert_close(model.backend.embed(filled), model.backend.embed(exact), atol=1e-5, rtol=1e-4)
    assert len({rounded_up(tokens) for tokens in range(1, 2_049)}) < 50
    assert all(rounded_up(tokens) >= tokens for tokens in range(1, 70_000, 7))
