from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from math import cos, radians, sin
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.train.distill.batches import Batches, Corpus, Faceted
from openclaw_instructor.train.distill.config import DistillConfig
from openclaw_instructor.train.distill.distillation import distill, held_out_cosine, learn, loss_of, set_centred
from openclaw_instructor.train.distill.token_teacher import Reading, TokenTeacher, states_loss

SHAPE = T5Shape(60, 16, 32, 2, 8, 2, 32, 128, 1e-6, 12, normalize=True)
CONFIG = DistillConfig(
    tokens=6_000, batch_tokens=256, batch_texts=32, warmup_steps=5, learning_rate=0.025, log_every=5, save_every=1e9
)


@pytest.fixture
def corpus() -> Corpus:
    """Texts whose teacher vector is the mean of a fixed vector per token: learnable, and not by chance."""
    random = np.random.default_rng(0)
    table = random.normal(size=(60, 12))
    ids = [random.integers(5, 60, size=random.integers(2, 12)).tolist() for _ in range(400)]
    vectors = np.stack([table[i].mean(0) for i in ids])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = np.array([(i, i + 1) for i in range(100, 300, 2)])
    return Corpus(ids, vectors.astype(np.float16), pairs, [[1, 2]], [[1, 3]], [[1, 4]], start=0, end=1)


def fresh(seed: int = 0) -> T5Encoder:
    torch.manual_seed(seed)
    encoder = T5Encoder(SHAPE)
    for parameter in encoder.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    return encoder


def packed(*texts: list[int]) -> Packed:
    return Packed.of([Prompt(ids, 1, truncated=False) for ids in sorted(texts, key=len)])


def test_the_loss_is_least_at_the_teacher_itself() -> None:
    teacher = torch.nn.functional.normalize(torch.randn(9, 12), dim=1)
    assert loss_of(teacher, teacher, CONFIG).item() == pytest.approx(0, abs=1e-4)
    moved = torch.nn.functional.normalize(teacher + 0.1 * torch.randn(9, 12), dim=1)
    assert loss_of(moved, teacher, CONFIG).item() > 0.01


def test_a_text_is_not_to_be_mistaken_for_others_near_its_target() -> None:
    def at(degrees: float) -> torch.Tensor:
        return torch.tensor([[cos(radians(degrees)), sin(radians(degrees))]])

    config = replace(CONFIG, others_weight=1.0)
    target, others = at(0), torch.cat([at(40), at(180)])
    assert loss_of(target, target, config, others).item() == pytest.approx(0, abs=1e-4)
    losses = {degrees: loss_of(at(degrees), target, config, others).item() for degrees in (-20, 20)}
    assert losses[20] > losses[-20] + 0.1
    assert losses[-20] == pytest.approx(loss_of(at(-20), target, config).item(), abs=0.05)


def test_training_with_layer_norm_ends_as_a_plain_t5_encoder() -> None:
    encoder = fresh()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.3)
    batch = packed([0, 7, 8], [0, 9, 10, 11, 1])
    with torch.no_grad():
        trained = set_centred(encoder, centred=True)(batch)
        plain = set_centred(encoder, centred=False)(batch)
    torch.testing.assert_close(plain, trained, atol=1e-5, rtol=1e-4)


def test_there_may_be_more_cores_than_texts(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 40)
    distill(fresh(), corpus, replace(CONFIG, batch_texts=4, tokens=500), tmp_path, held_out=50)
    assert (tmp_path / "state.pt").is_file()


def test_distilling_brings_the_student_to_the_teacher(corpus: Corpus, tmp_path: Path) -> None:
    encoder = set_centred(fresh(), centred=True)
    batches = Batches(corpus, CONFIG, held_out=50)
    before = held_out_cosine(encoder, batches)
    distill(encoder, corpus, CONFIG, tmp_path, held_out=50)
    assert held_out_cosine(encoder, batches) > before + 0.2
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(corpus: Corpus, tmp_path: Path) -> None:
    whole = distill(fresh(), corpus, CONFIG, tmp_path / "whole", held_out=50)
    halfway = DistillConfig(**{**CONFIG.__dict__, "tokens": 3_000, "decay_from": 0.99})
    full = DistillConfig(**{**CONFIG.__dict__, "decay_from": 0.99})
    distill(fresh(), corpus, halfway, tmp_path / "cut", held_out=50)
    resumed = distill(fresh(seed=9), corpus, full, tmp_path / "cut", held_out=50)
    straight = distill(fresh(), corpus, full, tmp_path / "straight", held_out=50)
    # The whole and not each weight: where a gradient is all but zero, AdamW makes its rounding a full step.
    for mine, other in zip(resumed.parameters(), straight.parameters(), strict=True):
        assert torch.dist(mine, other) < 0.01 * torch.linalg.vector_norm(other)
    assert not torch.allclose(whole.dense.weight, straight.dense.weight, atol=1e-3), "the rate is part of the run"


def test_with_a_rate_of_its_own_the_table_moves_only_in_the_rows_of_a_batch(corpus: Corpus, tmp_path: Path) -> None:
    config = replace(CONFIG, tokens=30_000, table_rate=20.0, muon=False)
    corpus.ids = [[token for token in ids if token < 50] or [7] for ids in corpus.ids]
    before, encoder = fresh(), fresh()
    batches = Batches(corpus, config, held_out=50)
    cosine = held_out_cosine(encoder, batches)
    frozen = torch.arange(SHAPE.vocab_size) < 20
    learn(encoder, batches, config, tmp_path, frozen)
    moved = (encoder.tokens.weight != before.tokens.weight).any(dim=1)
    assert moved.nonzero()[:, 0].tolist() == list(range(20, 50))
    assert held_out_cosine(encoder, batches) > cosine + 0.2


def test_a_table_with_a_rate_of_its_own_is_resumed_as_well(corpus: Corpus, tmp_path: Path) -> None:
    full = replace(CONFIG, table_rate=20.0, decay_from=0.99)
    distill(fresh(), corpus, replace(full, tokens=3_000), tmp_path / "cut", held_out=50)
    resumed = distill(fresh(seed=9), corpus, full, tmp_path / "cut", held_out=50)
    straight = distill(fresh(), corpus, full, tmp_path / "straight", held_out=50)
    assert torch.dist(resumed.tokens.weight, straight.tokens.weight) < 0.01 * straight.tokens.weight.norm()


def test_batches_keep_to_their_budget_and_never_hold_out_texts(corpus: Corpus) -> None:
    batches = Batches(corpus, CONFIG, held_out=50)
    held = {tuple(ids) for ids in corpus.ids[:50]}
    for _ in range(40):
        drawn = batches.draw()
        prompts = drawn.prompts
        assert drawn.targets is not None
        assert len(prompts) == len(drawn.targets)
        assert drawn.of_teacher
        lengths = [len(prompt.ids) for prompt in prompts]
        assert lengths == sorted(lengths)
        for prompt in prompts:
            skipped = max(prompt.pool_from, 1)
            assert tuple(prompt.ids[skipped:-1]) not in held


def test_shares_of_a_batch_on_several_cores_give_one_update(corpus: Corpus, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    short = DistillConfig(**{**CONFIG.__dict__, "tokens": 600})
    try:
        trained = []
        for cores in (1, 3):
            torch.set_num_threads(cores)
            trained.append(distill(fresh(), corpus, short, tmp_path / str(cores), held_out=50))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(trained[0].parameters(), trained[1].parameters(), strict=True):
        torch.testing.assert_close(one, three, atol=2e-3, rtol=2e-2)


def test_asked_for_a_facet_texts_that_agree_in_it_come_together(corpus: Corpus, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    # The first token says one facet, the second the other.
    ids = [[5 + int(a), 10 + int(b), *random.integers(20, 60, 4).tolist()] for a, b in random.integers(0, 3, (200, 2))]
    assert corpus.vectors is not None
    directions = random.normal(size=(60, corpus.vectors.shape[1])).astype(np.float32)
    first, second = (directions[[text[place] for text in ids]] for place in (0, 1))
    targets = {"first": first + second / 4, "second": second + first / 4}
    targets = {facet: each / np.linalg.norm(each, axis=1, keepdims=True) for facet, each in targets.items()}
    corpus.faceted = [Faceted(ids, targets, {"first": [[1, 2, 3]], "second": [[1, 2, 4]]})]
    config = DistillConfig(**{**CONFIG.__dict__, "tokens": 100_000, "facet_share": 0.9, "facet_texts": 32})
    encoder = distill(fresh(), corpus, config, tmp_path / "run", held_out=50)

    def preference(instruction: list[int]) -> float:
        """How much nearer texts lie that agree only in the first facet than those that agree only in the second."""
        prompts = [Prompt([0, *instruction, *text, 1], 1 + len(instruction), truncated=False) for text in ids]
        with torch.no_grad():
            vectors = encoder(Packed.of(prompts))
        first, second = (torch.tensor([[a[k] == b[k] for b in ids] for a in ids]) for k in (0, 1))
        near = vectors @ vectors.T
        return float(near[first & ~second].mean() - near[second & ~first].mean())

    assert preference([1, 2, 3]) > 0.1 > -0.1 > preference([1, 2, 4])


def test_what_is_drawn_oftener_has_three_times_the_weight(corpus: Corpus) -> None:
    config = DistillConfig(batch_tokens=64, batch_texts=8)
    evenly = np.diff(Batches(corpus, config, 50).cumulative, prepend=0.0)
    corpus.often = range(100, 200)
    batches = Batches(corpus, config, 50)
    times = np.diff(batches.cumulative, prepend=0.0) / evenly
    np.testing.assert_allclose(times, np.where(np.isin(batches.order, corpus.often), 3.0, 1.0))


class FixedStates:
    """In place of a teacher that reads: one state per token id, and their means."""

    def __init__(self) -> None:
        self.table = torch.from_numpy(np.random.default_rng(0).normal(size=(60, 12))).float()

    def read(self, prompts: Sequence[Prompt]) -> Reading:
        rows = [self.table[prompt.ids[prompt.pool_from :]] for prompt in prompts]
        return Reading(torch.cat(rows), normalize(torch.stack([states.mean(0) for states in rows]), dim=1))


def test_token_states_come_to_the_teacher_s_too(corpus: Corpus, tmp_path: Path) -> None:
    teacher = FixedStates()

    def error(encoder: T5Encoder) -> float:
        prompts = [Prompt([0, *corpus.ids[index], 1], 0, truncated=False) for index in range(40)]
        batch = Packed.of(sorted(prompts, key=lambda prompt: len(prompt.ids)))
        with torch.no_grad():
            states = encoder.dense(encoder.token_states(encoder.hidden(batch)))
        return float(states_loss(states, teacher.table[batch.ids]))

    config = DistillConfig(**{**CONFIG.__dict__, "tokens": 30_000})
    without = error(distill(fresh(), corpus, config, tmp_path / "without", held_out=50))
    corpus.token_teacher = cast("TokenTeacher", teacher)
    learned = error(distill(fresh(), corpus, config, tmp_path / "with", held_out=50))
    assert learned < 0.7 * without, (learned, without)


def test_a_teacher_that_reads_gives_the_vectors_as_well(corpus: Corpus, tmp_path: Path) -> None:
    corpus.vectors, corpus.token_teacher = None, cast("TokenTeacher", FixedStates())
    encoder, batches = fresh(), Batches(corpus, CONFIG, held_out=50)
    before = held_out_cosine(encoder, batches)
    distill(encoder, corpus, CONFIG, tmp_path, held_out=50)
    assert held_out_cosine(encoder, batches) > before + 0.2
