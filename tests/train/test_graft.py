"""A student made of a BERT teacher's layers is near it before it has learned anything."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from transformers import BertConfig, BertModel

from openclaw_instructor.model.checkpoint import Shape
from openclaw_instructor.model.encoder import Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.train.distill import set_centred
from openclaw_instructor.train.graft import graft

VOCABULARY, START, END = 90, 1, 2


@pytest.fixture
def teacher() -> BertModel:
    """Random, but with attention that prefers and positions that hardly count: those a student has to learn."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=64, initializer_range=0.2,
    )  # fmt: skip
    model: Any = BertModel(config)
    model.eval()
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.1)
    model.embeddings.position_embeddings.weight.data *= 0.02
    return cast("BertModel", model)


def texts(count: int, seed: int) -> list[list[int]]:
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 14, (count,), generator=draw).tolist()
    return [[START, *torch.randint(3, VOCABULARY, (n,), generator=draw).tolist(), END] for n in lengths]


def student(inner: int, vocabulary: int = VOCABULARY) -> Encoder:
    torch.manual_seed(1)
    return Encoder(Shape(vocabulary, 48, inner, 4, 12, 3, 32, 128, 1e-6, 48, normalize=True, activation="gelu"))


@torch.no_grad()
def cosine(encoder: Encoder, teacher: BertModel, kept: list[int]) -> float:
    number = {old: new for new, old in enumerate(kept)}
    chosen = [text for text in texts(80, seed=7) if all(token in number for token in text)]
    chosen.sort(key=len)
    prompts = [Prompt([number[token] for token in text], 0, truncated=False) for text in chosen]
    theirs = torch.stack([teacher(torch.tensor([text])).last_hidden_state[0].mean(0) for text in chosen])
    return float(torch.cosine_similarity(encoder(Packed.of(prompts)), theirs).mean())


def test_a_grafted_student_is_near_its_teacher(teacher: BertModel) -> None:
    everything = list(range(VOCABULARY))
    encoder = student(inner=96)
    before = cosine(encoder, teacher, everything)
    graft(encoder, teacher, texts(300, seed=0), everything)
    assert before < 0.3
    assert cosine(encoder, teacher, everything) > 0.9


def test_fewer_tokens_and_units_still_are(teacher: BertModel) -> None:
    kept = [token for token in range(VOCABULARY) if token % 17 != 5]
    encoder = student(inner=64, vocabulary=len(kept))
    graft(encoder, teacher, texts(300, seed=0), kept)
    assert cosine(encoder, teacher, kept) > 0.8


def test_the_stream_has_no_mean_so_both_norms_agree(teacher: BertModel) -> None:
    encoder = student(inner=96)
    graft(encoder, teacher, texts(300, seed=0), list(range(VOCABULARY)))
    plain = cosine(encoder, teacher, list(range(VOCABULARY)))
    assert cosine(set_centred(encoder, centred=True), teacher, list(range(VOCABULARY))) == pytest.approx(
        plain, abs=1e-5
    )
