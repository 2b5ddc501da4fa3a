"""A student made of a BERT teacher's layers is near it before it has learned anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import torch

from openclaw_instructor.model.networks.position import relative_buckets
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.train.distill.distillation import set_centred
from openclaw_instructor.train.distill.graft import graft
from openclaw_instructor.train.distill.positions import Lack, shared_bias

if TYPE_CHECKING:
    from transformers import BertModel

VOCABULARY, START, END = 90, 1, 2


@pytest.fixture
def teacher() -> BertModel:
    """Random, but with attention that prefers and positions that hardly count."""
    from transformers import BertConfig, BertModel

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


def student(inner: int, vocabulary: int = VOCABULARY) -> T5Encoder:
    torch.manual_seed(1)
    return T5Encoder(T5Shape(vocabulary, 48, inner, 4, 12, 3, 32, 128, 1e-6, 48, normalize=True, activation="gelu"))


@torch.no_grad()
def cosine(encoder: T5Encoder, teacher: BertModel, kept: list[int]) -> float:
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


def look_back(teacher: BertModel) -> None:
    """Give each layer a head, of another number in each, that looks at the token before."""
    angle = 0.7 * torch.arange(64)
    positions, step = teacher.embeddings.position_embeddings.weight, torch.tensor(0.7)
    turn = torch.stack([torch.stack([step.cos(), step.sin()]), torch.stack([-step.sin(), step.cos()])])
    with torch.no_grad():
        positions.zero_()
        positions[:, :2] = 1.5 * torch.stack([angle.cos(), angle.sin()], dim=1)
        for index, layer in enumerate(cast("Any", teacher).encoder.layer):
            rows = slice(12 * (index + 1), 12 * (index + 1) + 2)
            own = layer.attention.self
            for product, of_head in ((own.query, 2.0 * turn), (own.key, 2.0 * torch.eye(2))):
                product.weight[12 * (index + 1) : 12 * (index + 2)] = 0
                product.weight[rows, :2] = of_head


def test_attention_by_position_is_grafted_too(teacher: BertModel) -> None:
    look_back(teacher)
    encoder = student(inner=96)
    graft(encoder, teacher, texts(300, seed=0), list(range(VOCABULARY)))
    bias = encoder.position.weight.detach()
    looking, *others = bias.std(dim=0).sort(descending=True).indices.tolist()
    assert relative_buckets(2, encoder.shape.buckets, encoder.shape.max_distance)[1, 0] == bias[:, looking].argmax()
    assert bias[:, looking].std() > 3 * bias[:, others].std(dim=0).max()


def test_heads_that_want_the_same_get_the_same_number() -> None:
    draw = torch.Generator().manual_seed(0)
    profiles = torch.randn(4, 32, generator=draw)
    shuffles = [torch.randperm(4, generator=draw) for _ in range(3)]
    length, buckets = 12, torch.randint(0, 32, (12, 12), generator=draw)
    lacks = [Lack(heads=4, buckets=32) for _ in shuffles]
    for lack, shuffle in zip(lacks, shuffles, strict=True):
        noise = 0.01 * torch.randn(4, length, length, generator=draw)
        lack.add(profiles[shuffle][:, buckets] + noise, buckets)
    orders, bias = shared_bias(lacks)
    ordered = torch.stack([lack.mean[order] for lack, order in zip(lacks, orders, strict=True)])
    assert len({tuple(shuffle[order].tolist()) for shuffle, order in zip(shuffles, orders, strict=True)}) == 1
    assert torch.allclose(bias.T, ordered.mean(dim=0), atol=1e-6)
    assert float((ordered - bias.T).abs().max()) < 0.05
