"""Start a T5 student from a BERT teacher's own layers, so that distilling begins near the end, not at the beginning.

BERT (Devlin et al., 2019) normalises *after* each residual sum, has biases and absolute positions; T5 normalises
*before* each branch, has none of these, and a relative position bias. Layer by layer, on sample texts:

- the student's stream is a linear image of the teacher's state: a ridge regression from the student's normalised
  stream to the teacher's state says what each branch must read, and its inverse what the branch must write;
- LayerNorm forgets the mean, so the stream is kept at zero mean, and one direction that hardly varies holds a
  constant instead: through it the regressions carry every bias;
- of the feed-forward units the ones that write most are kept.

Absolute positions are not carried over (the table takes their average); the relative bias has to be learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from openclaw_instructor.model.encoder import Encoder, Layer
from openclaw_instructor.train.bert import Projection

CONSTANT = 8.0  # length of the constant direction, near that of a token's vector
RIDGE = 1e-4
# The inverse is bounded at this share of the typical direction: writing more into the directions that the teacher's
# norms fade out would be more exact, but make a stream of very unlike scales, which learns badly.
SMALLEST = 0.8
USUAL_POSITIONS = 48


@dataclass
class _Sample:
    """Texts as one row of tokens: `lengths` of the texts, `weight` (tokens, 1), the teacher's `states` per branch."""

    ids: Tensor
    lengths: list[int]
    weight: Tensor
    states: list[Tensor]


@torch.no_grad()
def graft(student: Encoder, teacher: Any, texts: Sequence[Sequence[int]], kept: Sequence[int]) -> None:
    """Fill `student` from `teacher` (a transformers BertModel of the same width, heads and layers).

    `texts` are a few hundred tokenised samples in the teacher's ids, special tokens included; `kept` says which
    teacher token each row of the student's table is.
    """
    teacher = deepcopy(teacher).to("cpu", torch.float32)  # sentence-transformers may have put it on a GPU
    sample = _teacher_states(teacher, texts)
    student.position.weight.zero_()
    for parameter in student.parameters():
        if parameter.dim() == 1:
            parameter.fill_(1.0)
    table = _token_table(teacher, start=texts[0][0])
    constant = _steadiest_direction(sample)
    table = _centred(table) @ (torch.eye(len(constant)) - torch.outer(constant, constant)) + CONSTANT * constant
    student.tokens.weight.copy_(table[torch.tensor(kept)])
    stream, epsilon = table[sample.ids], student.shape.epsilon
    for layer, source, (before, between) in zip(
        student.blocks(), teacher.encoder.layer, zip(sample.states[::2], sample.states[1::2], strict=False), strict=True
    ):
        stream = _graft_attention(layer, source, stream, before, sample, constant, epsilon)
        stream = _graft_feed_forward(layer, source, stream, between, sample, constant, epsilon)
    student.dense.weight.copy_(_fit(_normed(stream, epsilon), sample.states[-1], sample.weight)[:, :-1].T)


def _graft_attention(
    layer: Layer, source: Any, stream: Tensor, state: Tensor, sample: _Sample, constant: Tensor, epsilon: float
) -> Tensor:
    """Set query, key, value and output; returns the stream behind them."""
    own, normed = source.attention.self, _normed(stream, epsilon)
    fit = _fit(normed, state, sample.weight)
    # BERT scales the logits, T5 does not.
    weight, bias = Projection.of(own, scale=layer.head_width**-0.5)
    layer.qkv.weight.copy_(torch.cat([weight, bias[:, None]], dim=1) @ fit.T)
    layer.out.weight.copy_(_writer(fit, stream, constant) @ source.attention.output.dense.weight)
    mixed = []
    for rows in layer.qkv(normed).split(sample.lengths):
        query, key, value = rows.view(len(rows), 3, layer.heads, -1).permute(1, 2, 0, 3)
        attended = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        mixed.append(attended.transpose(0, 1).reshape(len(rows), -1))
    behind: Tensor = stream + layer.out(torch.cat(mixed))
    return behind


def _graft_feed_forward(
    layer: Layer, source: Any, stream: Tensor, state: Tensor, sample: _Sample, constant: Tensor, epsilon: float
) -> Tensor:
    """Set the two matrices, with the units that write most; returns the stream behind them."""
    up, down, normed = source.intermediate.dense, source.output.dense, _normed(stream, epsilon)
    fit = _fit(normed, state, sample.weight)
    reading = torch.cat([up.weight, up.bias[:, None]], dim=1) @ fit.T
    writing = _writer(fit, stream, constant) @ down.weight
    written = F.gelu(normed @ reading.T).std(dim=0) * writing.norm(dim=0)
    units = written.topk(layer.up.out_features).indices.sort().values
    layer.up.weight.copy_(reading[units])
    layer.down.weight.copy_(writing[:, units])
    behind: Tensor = stream + layer.down(F.gelu(layer.up(normed)))
    return behind


def _fit(normed: Tensor, state: Tensor, weight: Tensor) -> Tensor:
    """(width, width + 1): ridge regression from the normalised stream to the teacher's state and to the number one."""
    target = torch.cat([state, state.new_ones(len(state), 1)], dim=1)
    weighted = normed * weight
    gram = weighted.T @ weighted + RIDGE * len(normed) * torch.eye(normed.shape[1])
    fit: Tensor = torch.linalg.solve(gram, weighted.T @ (target * weight))
    return fit


def _writer(fit: Tensor, stream: Tensor, constant: Tensor) -> Tensor:
    """(width, width): what to add to the stream so that the teacher's state before its LayerNorm moves by so much."""
    typical = stream.pow(2).mean(dim=1).sqrt().median()
    width = len(constant)
    free = torch.eye(width) - torch.outer(constant, constant)
    reads = _centred((fit[:, :width].T / typical) @ free, dim=0)
    left, strength, right = torch.linalg.svd(reads)
    known = strength > 1e-6 * strength.median()
    inverse = torch.where(known, 1 / strength.clamp(min=SMALLEST * strength.median()), torch.zeros_like(strength))
    return _centred(free @ (right.T * inverse) @ left.T, dim=0)


def _teacher_states(teacher: Any, texts: Sequence[Sequence[int]]) -> _Sample:
    """What stands before each of the teacher's branches, and behind the last."""
    states: list[list[Tensor]] = [[] for _ in range(2 * len(teacher.encoder.layer) + 1)]
    hooks = []
    for index, layer in enumerate(teacher.encoder.layer):
        for norm, at in ((layer.attention.output.LayerNorm, 2 * index + 1), (layer.output.LayerNorm, 2 * index + 2)):
            hooks.append(norm.register_forward_hook(lambda _m, _i, out, at=at: states[at].append(out[0])))
    hooks.append(teacher.embeddings.register_forward_hook(lambda _m, _i, out: states[0].append(out[0])))
    for text in texts:
        teacher(input_ids=torch.tensor([list(text)]))
    for hook in hooks:
        hook.remove()
    ids = torch.tensor([token for text in texts for token in text])
    # Every text has one start token, on which the attention of many heads rests: it must fit well.
    weight = torch.where(ids == texts[0][0], 3.0, 1.0).sqrt()[:, None]
    return _Sample(ids, [len(text) for text in texts], weight, [torch.cat(rows).float() for rows in states])


def _token_table(teacher: Any, start: int) -> Tensor:
    """(vocabulary, width): the teacher's embeddings at an average position; the start token stands at its own."""
    parts = teacher.embeddings
    words = parts.word_embeddings.weight + parts.token_type_embeddings.weight[0]
    positions = parts.position_embeddings.weight
    table: Tensor = parts.LayerNorm(words + positions[1:USUAL_POSITIONS].mean(dim=0))
    table[start] = parts.LayerNorm(words[start] + positions[0])
    return table.float()


def _steadiest_direction(sample: _Sample) -> Tensor:
    """The unit vector of zero mean along which the teacher's states differ least."""
    width = sample.states[0].shape[1]
    covariance = sum((torch.cov(_centred(state).T) for state in sample.states), start=torch.zeros(width, width))
    # The direction of ones has no variance left: lift it out of the way.
    directions: Tensor = torch.linalg.eigh(covariance + covariance.trace() / width).eigenvectors
    return directions[:, 0]


def _normed(stream: Tensor, epsilon: float) -> Tensor:
    return stream * torch.rsqrt(stream.pow(2).mean(dim=-1, keepdim=True) + epsilon)


def _centred(rows: Tensor, dim: int = -1) -> Tensor:
    return rows - rows.mean(dim=dim, keepdim=True)
