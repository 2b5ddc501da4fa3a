from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from openclaw_instructor.errors import InvalidArguments, InvalidCheckpoint, InvalidData, MissingExtra
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.inference.cpu_pool import CpuPool
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.train import train_state
from openclaw_instructor.train.batches import Batches
from openclaw_instructor.train.config import TrainConfig
from openclaw_instructor.train.contrastive import backward, learning_rate, train
from openclaw_instructor.train.distributed import World
from openclaw_instructor.train.evaluator import Scores
from openclaw_instructor.train.initial import from_scratch, parse_shape
from openclaw_instructor.train.medi import MediData, Plan
from openclaw_instructor.train.metrics_log import read
from tests.evaluate import sets
from tests.train import toy

CONFIG = TrainConfig(
    steps=6, batch_size=8, learning_rate=1e-3, dtype="float32", device="cpu", log_every=1, save_every=2
)
ALONE = World(0, 1, torch.device("cpu"))


@pytest.fixture
def batch_of(tmp_path: Path, tiny_checkpoint: Path) -> Any:
    data = MediData([toy.data(tmp_path)], tmp_path / "work")
    source = Batches(data, Plan(data.task_of, 8, 0), Checkpoint.open(tiny_checkpoint), 96)
    yield source.make
    data.close()


def gradients(
    checkpoint: Path, batch: Any, config: TrainConfig, world: World = ALONE, cores: int = 1
) -> tuple[float, dict[str, Any]]:
    encoder = T5Encoder.from_checkpoint(Checkpoint.open(checkpoint))
    loss = backward(encoder, batch, config, torch.float32, world, CpuPool(2) if cores == 2 else None)
    return float(loss), {name: weight.grad for name, weight in encoder.named_parameters()}


@pytest.mark.parametrize(("chunk_tokens", "cores"), [(64, 1), (64, 2), (10_000, 2)])
def test_chunked_gradients_are_those_of_the_whole_batch(
    batch_of: Any, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, chunk_tokens: int, cores: int
) -> None:
    monkeypatch.setattr("openclaw_instructor.train.contrastive.MIN_TOKENS", 32)
    batch = batch_of(0)
    loss, whole = gradients(tiny_checkpoint, batch, CONFIG)
    chunked_loss, chunked = gradients(tiny_checkpoint, batch, replace(CONFIG, chunk_tokens=chunk_tokens), cores=cores)
    assert batch.tokens > 3 * 64
    assert chunked_loss == pytest.approx(loss, rel=1e-5)
    for name, gradient in whole.items():
        assert float(gradient.abs().max()) > 0, name
        torch.testing.assert_close(chunked[name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()))


def test_the_gradients_are_autograds_own_on_the_padded_reference(batch_of: Any, tiny_checkpoint: Path) -> None:
    """The same loss through transformers' T5, padded, with the loss written out by torch alone."""
    from transformers import T5EncoderModel

    batch = batch_of(0)
    reference = T5EncoderModel.from_pretrained(tiny_checkpoint)
    checkpoint = Checkpoint.open(tiny_checkpoint)
    dense = torch.nn.Parameter(checkpoint.tensors()["dense.weight"].clone())
    longest = max(len(prompt.ids) for prompt in batch.prompts)
    ids = torch.tensor([prompt.ids + [0] * (longest - len(prompt.ids)) for prompt in batch.prompts])
    span = torch.arange(longest)
    lengths, starts = (
        torch.tensor([f(p) for p in batch.prompts])[:, None] for f in (lambda p: len(p.ids), lambda p: p.pool_from)
    )
    pooled = ((span >= starts) & (span < lengths)).float()[..., None]
    hidden = reference(input_ids=ids, attention_mask=(span < lengths).long()).last_hidden_state
    vectors = torch.nn.functional.normalize((hidden * pooled).sum(1) / pooled.sum(1) @ dense.T, dim=1)
    count = len(batch.forward)
    scores = vectors[:count] @ vectors[count:].T / CONFIG.temperature
    there = -scores.masked_fill(~batch.forward, -1e9).log_softmax(1).diagonal().mean()
    back = scores[:, :count].T.masked_fill(~batch.backward, -1e9).log_softmax(1).diagonal()
    expected = there - back.mean()
    expected.backward()
    loss, ours = gradients(tiny_checkpoint, batch, CONFIG)
    assert loss == pytest.approx(expected.item(), rel=1e-4)
    blocks: Any = reference.encoder.block
    theirs: dict[str, Any] = {"tokens.weight": reference.shared.weight.grad, "dense.weight": dense.grad}
    theirs["position.weight"] = blocks[0].layer[0].SelfAttention.relative_attention_bias.weight.grad
    theirs["layers.1.down.weight"] = blocks[1].layer[1].DenseReluDense.wo.weight.grad
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, rtol=2e-3, atol=2e-4 * float(gradient.abs().max()))


def test_training_lowers_the_loss_and_the_result_is_a_checkpoint(tmp_path: Path, tiny_checkpoint: Path) -> None:
    config = replace(CONFIG, steps=60, learning_rate=3e-3, temperature=0.05)
    finished = train([toy.data(tmp_path)], tmp_path / "run", tiny_checkpoint, config)
    losses = [row["loss"] for row in read(tmp_path / "run" / "metrics.jsonl")]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    card = (finished / "README.md").read_text()
    assert "60 steps over 24 records of 2 tasks" in card
    assert str(tmp_path) not in card
    row = toy.records()[0]
    vectors = INSTRUCTOR(finished, dtype="float32").encode([row["query"], row["pos"], row["neg"]])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_the_same_seed_gives_the_same_weights_and_another_others(tmp_path: Path, tiny_checkpoint: Path) -> None:
    data = toy.data(tmp_path)
    one, same, other = (
        train([data], tmp_path / name, tiny_checkpoint, replace(CONFIG, seed=seed))
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert toy.furthest(one, same) == 0.0
    assert toy.furthest(one, other) > 1e-6


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = toy.data(tmp_path)
    whole = train([data], tmp_path / "whole", tiny_checkpoint, CONFIG)
    steps = iter(range(10))

    def fail(*arguments: Any) -> Any:
        if next(steps) == 3:
            raise KeyboardInterrupt
        return backward(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("openclaw_instructor.train.contrastive.backward", fail)
        with pytest.raises(KeyboardInterrupt):
            train([data], tmp_path / "cut", tiny_checkpoint, CONFIG)
    assert [path.name for path in train_state.states(tmp_path / "cut")] == ["state-00000002.pt"]
    cut = train([data], tmp_path / "cut", tiny_checkpoint, CONFIG)
    assert toy.furthest(whole, cut) == 0.0
    rows = read(tmp_path / "cut" / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    expected = [row["loss"] for row in read(tmp_path / "whole" / "metrics.jsonl")]
    assert [row["loss"] for row in rows] == expected


def test_a_finished_run_is_not_run_again_unless_restarted(tmp_path: Path, tiny_checkpoint: Path) -> None:
    data = toy.data(tmp_path)
    train([data], tmp_path / "run", tiny_checkpoint, CONFIG)
    before = read(tmp_path / "run" / "metrics.jsonl")
    train([data], tmp_path / "run", tiny_checkpoint, CONFIG)
    assert read(tmp_path / "run" / "metrics.jsonl") == before
    train([data], tmp_path / "run", tiny_checkpoint, replace(CONFIG, steps=3), restart=True)
    assert [row["step"] for row in read(tmp_path / "run" / "metrics.jsonl")] == [1, 2, 3]


def test_a_run_is_not_continued_under_other_settings(tmp_path: Path, tiny_checkpoint: Path) -> None:
    data = toy.data(tmp_path)
    train([data], tmp_path / "run", tiny_checkpoint, CONFIG)
    with pytest.raises(InvalidData, match=r"learning_rate = 0\.001, not 0\.01.*--restart"):
        train([data], tmp_path / "run", tiny_checkpoint, replace(CONFIG, learning_rate=0.01))
    train([data], tmp_path / "run", tiny_checkpoint, replace(CONFIG, save_every=5))


def test_a_run_is_not_continued_on_other_data(tmp_path: Path, tiny_checkpoint: Path) -> None:
    train([toy.data(tmp_path)], tmp_path / "run", tiny_checkpoint, CONFIG)
    (tmp_path / "moved").mkdir()
    train([toy.data(tmp_path / "moved")], tmp_path / "run", tiny_checkpoint, CONFIG)
    card = (tmp_path / "run" / "checkpoint" / "README.md").read_text()
    other = sets.jsonl(tmp_path / "other.jsonl", toy.records(seed=1))
    with pytest.raises(InvalidData, match=r"data_digest = .*same files and settings, or --restart"):
        train([other], tmp_path / "run", tiny_checkpoint, CONFIG)
    assert (tmp_path / "run" / "checkpoint" / "README.md").read_text() == card


def test_a_run_is_not_continued_under_other_instructions(
    tmp_path: Path, tiny_checkpoint: Path, command: Callable[..., Any]
) -> None:
    faq = sets.jsonl(tmp_path / "faq.jsonl", [{"a": f"how {i}?", "b": f"so {i}"} for i in range(8)])
    words = ["train", str(faq), "--out", str(tmp_path / "run"), "--checkpoint", str(tiny_checkpoint), "--steps", "1"]
    assert command(*words).status == 0
    assert command(*words).status == 0
    output = command(*words, "--query-instruction", "Ask:", "--json")
    assert (output.status, output.json["error"]["code"]) == (2, "invalid_data")
    assert "data_digest" in output.json["error"]["message"]


def test_a_run_of_an_earlier_version_goes_on(tmp_path: Path, tiny_checkpoint: Path) -> None:
    data, run = toy.data(tmp_path), tmp_path / "run"
    train([data], run, tiny_checkpoint, CONFIG)
    settings = json.loads((run / "config.json").read_text())
    digest = settings.pop("data_digest")
    (run / "config.json").write_text(json.dumps(settings))
    for index in (run / "data").glob("*.npz"):
        with np.load(index) as kept:
            columns = {name: kept[name] for name in kept if name != "digest"}
        np.savez(index, **columns)
    train([data], run, tiny_checkpoint, CONFIG)
    assert json.loads((run / "config.json").read_text())["data_digest"] == digest


def test_a_damaged_state_is_named_with_the_way_out(tmp_path: Path, tiny_checkpoint: Path) -> None:
    data = toy.data(tmp_path)
    train([data], tmp_path / "run", tiny_checkpoint, CONFIG)
    last = train_state.states(tmp_path / "run")[-1]
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(InvalidData, match="delete it to go on from the one before"):
        train([data], tmp_path / "run", tiny_checkpoint, CONFIG)
    last.unlink()
    train([data], tmp_path / "run", tiny_checkpoint, CONFIG)


def test_bfloat16_trains_too(tmp_path: Path, tiny_checkpoint: Path) -> None:
    config = replace(CONFIG, steps=40, learning_rate=3e-3, temperature=0.05, dtype="bfloat16")
    train([toy.data(tmp_path)], tmp_path / "run", tiny_checkpoint, config)
    losses = [row["loss"] for row in read(tmp_path / "run" / "metrics.jsonl")]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])


def test_what_is_evaluated_goes_into_the_metrics_and_the_card(tmp_path: Path, tiny_checkpoint: Path) -> None:
    evaluation = sets.write(tmp_path / "evaluation")
    config = replace(CONFIG, steps=4, evaluate_every=2)
    finished = train([toy.data(tmp_path)], tmp_path / "run", tiny_checkpoint, config, evaluate=Scores(evaluation))
    rows = [row for row in read(tmp_path / "run" / "metrics.jsonl") if "evaluate/sts" in row]
    assert [row["step"] for row in rows] == [2, 4]
    assert "| retrieval |" in (finished / "README.md").read_text()


def test_an_error_while_measuring_loses_no_step(tmp_path: Path, tiny_checkpoint: Path) -> None:
    data, run, config = toy.data(tmp_path), tmp_path / "run", replace(CONFIG, evaluate_every=3, save_every=100)

    def fail(*_: Any) -> Any:
        raise InvalidData("a row is broken")

    measured: list[int] = []

    def count(_: Any, step: int) -> dict[str, float]:
        measured.append(step)
        return {"sts": 0.5}

    for steps in ([3], [3]):
        with pytest.raises(InvalidData, match="broken"):
            train([data], run, tiny_checkpoint, config, evaluate=fail)
        assert [int(path.stem.split("-")[1]) for path in train_state.states(run)] == steps
    finished = train([data], run, tiny_checkpoint, config, evaluate=count)
    train([data], run, tiny_checkpoint, config, evaluate=count)
    assert measured == [3, 6], "what was not measured is, and nothing twice"
    assert "| sts | 0.5 |" in (finished / "README.md").read_text()
    assert toy.furthest(finished, train([data], tmp_path / "whole", tiny_checkpoint, config)) == 0.0


def test_a_missing_extra_is_said_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = sets.write(tmp_path / "evaluation")
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(MissingExtra, match=r"openclaw-instructor\[evaluate\]"):
        Scores(evaluation)
    Scores(evaluation / "retrieval")


def test_the_rate_rises_then_falls_to_almost_nothing() -> None:
    config = TrainConfig(learning_rate=1.0, warmup=0.2)
    rates = [learning_rate(step, 10, config) for step in range(1, 11)]
    assert rates[:2] == [0.5, 1.0]
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert 0 < rates[-1] < 0.2


def test_settings_that_make_no_sense_are_refused(tmp_path: Path, tiny_checkpoint: Path) -> None:
    out_of_range = ({"batch_size": 0}, {"steps": 0, "epochs": 0.0}, {"temperature": 0.0})
    for wrong in (*out_of_range, {"in_batch": "none"}, {"dtype": "int8"}):
        with pytest.raises(InvalidArguments):
            train([toy.data(tmp_path)], tmp_path / "run", tiny_checkpoint, replace(CONFIG, **wrong))  # type: ignore[arg-type]


def test_training_from_scratch_needs_only_a_tokenizer(tmp_path: Path, tiny_checkpoint: Path, command: Any) -> None:
    arguments = ["--out", str(tmp_path / "run"), "--scratch", "layers=1,width=16,heads=2", "--steps", "2", "--json"]
    output = command("train", str(toy.data(tmp_path)), *arguments, "--tokenizer", str(tiny_checkpoint))
    assert output.status == 0
    shape = Checkpoint.open(output.json["checkpoint"]).t5_shape()
    assert (shape.layers, shape.width, shape.heads, shape.head_width, shape.dimension) == (1, 16, 2, 8, 16)
    assert output.json["step"] == 2
    assert command("train", str(toy.data(tmp_path)), *arguments).status == 2
    (tmp_path / "empty").mkdir()
    output = command(
        "train", str(toy.data(tmp_path)), "--out", str(tmp_path / "no"), "--evaluate", str(tmp_path / "empty")
    )
    assert "no evaluation data found" in output.err
    assert not (tmp_path / "no").exists(), "said before a step is made"


def test_the_configured_revision_and_offline_are_kept_to(
    tmp_path: Path, command: Callable[..., Any], asked_of_hub: list[tuple[str, str | None, bool]]
) -> None:
    rows = [{"task": "t", "input": f"in {i}", "output": f"out {i * i}"} for i in range(6)]
    words = ["train", str(sets.jsonl(tmp_path / "tasks.jsonl", rows)), "--steps", "1"]
    assert command(*words, "--out", str(tmp_path / "run")).status == 0
    assert set(asked_of_hub) == {("some/one", "v1", True)}
    assert command(*words, "--build", str(tmp_path / "made.jsonl"), "--embedder", "some/other").status == 0
    assert asked_of_hub[-1] == ("some/other", None, True)
    asked_of_hub.clear()
    mails = [{"text": f"{label} {i}", "label": label} for label in ("a", "b") for i in range(8)]
    source = sets.jsonl(tmp_path / "mails.jsonl", mails)
    assert command("train", "--from", str(source), "--task", "classify_email", "--epochs", "1").status == 0
    assert ("some/one", "v1", True) in asked_of_hub


def test_scratch_weights_come_from_the_seed(tmp_path: Path, tiny_checkpoint: Path) -> None:
    shape = parse_shape("layers=1,width=16,heads=2")
    folders = [from_scratch(shape, tiny_checkpoint, tmp_path / str(i), seed=s).folder for i, s in enumerate((1, 1, 2))]
    assert toy.furthest(folders[0], folders[1]) == 0.0
    assert toy.furthest(folders[0], folders[2]) > 0.1
    with pytest.raises(InvalidArguments, match="does not divide"):
        parse_shape("width=10,heads=3")
    with pytest.raises(InvalidArguments, match="write name=number"):
        parse_shape("depth=3")
    with pytest.raises(InvalidCheckpoint, match=r"tokenizer\.json"):
        from_scratch(shape, tmp_path, tmp_path, seed=0)


def test_the_command_needs_something_to_train_on(command: Callable[..., Any], tmp_path: Path) -> None:
    assert "give files and --out" in command("train").err
    assert "--out" in command("train", str(toy.data(tmp_path))).err
    output = command("train", str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "run"), "--json")
    assert (output.status, output.json["error"]["code"]) == (2, "invalid_data")


def test_the_effective_settings_lie_beside_the_results(tmp_path: Path, tiny_checkpoint: Path) -> None:
    train([toy.data(tmp_path)], tmp_path / "run", tiny_checkpoint, replace(CONFIG, steps=0, epochs=0.5))
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    assert settings["total_steps"] == 2
    assert settings["records"] == 24
    assert settings["batch_size"] == 8
