"""Initialize a T5 student from a BERT teacher's layers, so that the distillation starts close to its goal.

BERT (Devlin et al., 2019) normalises *after* each residual sum, has biases and absolute positions; T5 normalises
*before* each branch, has none of these, and a relative position bias. Layer by layer, on sample texts:

- the student's stream is a linear image of the teacher's state: a ridge regression from the student's normalised
  stream to the teacher's state says what each branch must read, and its inverse what the branch must write;
- LayerNorm forgets the mean, so the stream is kept at zero mean, and one direction that hardly varies holds a
  constant instead: through it the regressions carry every bias;
- of the feed-forward units the ones that write most are kept;
- what the teacher's attention has by position is what the student's lacks without: a first pass over the layers
  measures it, `positions.py` makes it a relative bias, and a second pass fills the layers around that.

Absolute positions are not carried over otherwise: the table takes their average.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from openclaw_instructor.model.networks.position import relative_buckets
from openclaw_instructor.model.networks.t5 import T5Encoder, T5Layer
from openclaw_instructor.train.distill.bert import Projection
from openclaw_instructor.train.distill.positions import Lack, shared_bias

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
def graft(student: T5Encoder, teacher: Any, texts: Sequence[Sequence[int]], kept: Sequence[int]) -> None:
    """Fill `student` from `teacher` (a transformers BertModel of the same width, heads and layers).

    `texts` are a few hundred tokenised samples in the teacher's ids, special tokens included; `kept` says which
    teacher token each row of the student's table is.
    """
    teacher = deepcopy(teacher).to("cpu", torch.float32)  # sentence-transformers may have moved it to a GPU
    sample = _teacher_states(teacher, texts)
    for parameter in student.parameters():
        if parameter.dim() == 1:
            parameter.fill_(1.0)
    table = _token_table(teacher, start=texts[0][0])
    constant = _steadiest_direction(sample)
    table = _centred(table) @ (torch.eye(len(constant)) - torch.outer(constant, constant)) + CONSTANT * constant
    student.tokens.weight.copy_(table[torch.tensor(kept)])
    grafting = _Grafting(student, teacher, sample, table[sample.ids], constant)
    student.position.weight.zero_()
    orders, bias = shared_bias(grafting.run([torch.arange(student.shape.heads)] * student.shape.layers))
    student.position.weight.copy_(bias)
    grafting.run(orders)


class _Grafting:
    """Fills layer by layer, each on the stream that the layers before it give; `tokens` is the first of them."""

    def __init__(self, student: T5Encoder, teacher: Any, sample: _Sample, tokens: Tensor, constant: Tensor) -> None:
        self.student, self.teacher, self.sample = student, teacher, sample
        self.tokens, self.constant = tokens, constant

    def run(self, orders: Sequence[Tensor]) -> list[Lack]:
        """Set all weights given the student's position bias, each layer's heads in the given order.

        Returns what the attention of each layer lacks without that bias.
        """
        stream, states = self.tokens, self.sample.states
        lacks: list[Lack] = []
        for index, (layer, source, order) in enumerate(
            zip(self.student.blocks(), self.teacher.encoder.layer, orders, strict=True)
        ):
            stream, lack = self._attention(layer, source, stream, states[2 * index], order)
            stream = self._feed_forward(layer, source, stream, states[2 * index + 1])
            lacks.append(lack)
        self.student.dense.weight.copy_(_fit(self.student.norm(stream), states[-1], self.sample.weight)[:, :-1].T)
        return lacks

    def _attention(
        self, layer: T5Layer, source: Any, stream: Tensor, state: Tensor, order: Tensor
    ) -> tuple[Tensor, Lack]:
        """Set query, key, value and output; returns (the residual stream after them, what the attention lacks)."""
        normed, width = layer.attention_norm(stream), len(self.constant)
        fit = _fit(normed, state, self.sample.weight)
        # BERT scales the logits, T5 does not.
        weight, bias = Projection.of(source.attention.self, scale=layer.head_width**-0.5)
        affine = torch.cat([weight, bias[:, None]], dim=1).view(3, layer.heads, -1, width + 1)[:, order].flatten(0, 2)
        writing = source.attention.output.dense.weight.view(width, layer.heads, -1)[:, order].flatten(1)
        layer.qkv.weight.copy_(affine @ fit.T)
        layer.out.weight.copy_(_writer(fit, stream, self.constant) @ writing)
        theirs = F.linear(state, affine[:, :width], affine[:, width])
        mixed, lack = self._attended(layer, layer.qkv(normed), theirs)
        return stream + layer.out(mixed), lack

    def _attended(self, layer: T5Layer, ours: Tensor, theirs: Tensor) -> tuple[Tensor, Lack]:
        """Compute the student's attention (tokens, width), and what its logits lack."""
        shape, lengths = self.student.shape, self.sample.lengths
        bias, buckets = (
            self.student.position_bias(max(lengths))[0],
            relative_buckets(max(lengths), shape.buckets, shape.max_distance),
        )
        lack, mixed = Lack(shape.heads, shape.buckets), []
        for our_rows, their_rows in zip(ours.split(lengths), theirs.split(lengths), strict=True):
            length = len(our_rows)
            query, key, value = our_rows.view(length, 3, layer.heads, -1).permute(1, 2, 0, 3)
            wanted, on, _ = their_rows.view(length, 3, layer.heads, -1).permute(1, 2, 0, 3)
            logits = query @ key.mT
            lack.add(wanted @ on.mT - logits, buckets[:length, :length])
            attended = torch.softmax(logits + bias[:, :length, :length], dim=-1) @ value
            mixed.append(attended.transpose(0, 1).reshape(length, -1))
        return torch.cat(mixed), lack

    def _feed_forward(self, layer: T5Layer, source: Any, stream: Tensor, state: Tensor) -> Tensor:
        """Set the two feed-forward matrices with the units that write most; returns the residual stream after them."""
        up, down, normed = source.intermediate.dense, source.output.dense, layer.feed_norm(stream)
        fit = _fit(normed, state, self.sample.weight)
        reading = torch.cat([up.weight, up.bias[:, None]], dim=1) @ fit.T
        writing = _writer(fit, stream, self.constant) @ down.weight
        written = F.gelu(normed @ reading.T).std(dim=0) * writing.norm(dim=0)
        units = written.topk(layer.up.out_features).indices.sort().values
        layer.up.weight.copy_(reading[units])
        layer.down.weight.copy_(writing[:, units])
        behind: Tensor = stream + layer.down(F.gelu(layer.up(normed)))
        return behind


def _fit(normed: Tensor, state: Tensor, weight: Tensor) -> Tensor:
    """Fit a ridge regression (width, width + 1) from the normalised stream to the teacher's state and a constant."""
    target = torch.cat([state, state.new_ones(len(state), 1)], dim=1)
    weighted = normed * weight
    gram = weighted.T @ weighted + RIDGE * len(normed) * torch.eye(normed.shape[1])
    fit: Tensor = torch.linalg.solve(gram, weighted.T @ (target * weight))
    return fit


def _writer(fit: Tensor, stream: Tensor, constant: Tensor) -> Tensor:
    """Compute the map (width, width) from a change of the teacher's state before its LayerNorm to one of the stream."""
    typical = stream.pow(2).mean(dim=1).sqrt().median()
    width = len(constant)
    free = torch.eye(width) - torch.outer(constant, constant)
    reads = _centred((fit[:, :width].T / typical) @ free, dim=0)
    left, strength, right = torch.linalg.svd(reads)
    known = strength > 1e-6 * strength.median()
    inverse = torch.where(known, 1 / strength.clamp(min=SMALLEST * strength.median()), torch.zeros_like(strength))
    return _centred(free @ (right.T * inverse) @ left.T, dim=0)


def _teacher_states(teacher: Any, texts: Sequence[Sequence[int]]) -> _Sample:
    """Collect the states before each of the teacher's branches, and after the last."""
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
    """Compute the token table (vocabulary, width): the teacher's at an average position, the start token at its own."""
    parts = teacher.embeddings
    words = parts.word_embeddings.weight + parts.token_type_embeddings.weight[0]
    positions = parts.position_embeddings.weight
    table: Tensor = parts.LayerNorm(words + positions[1:USUAL_POSITIONS].mean(dim=0))
    table[start] = parts.LayerNorm(words[start] + positions[0])
    return table.float()


def _steadiest_direction(sample: _Sample) -> Tensor:
    """Find the unit vector of zero mean along which the teacher's states differ least."""
    width = sample.states[0].shape[1]
    covariance = sum((torch.cov(_centred(state).T) for state in sample.states), start=torch.zeros(width, width))
    # The direction of ones has no variance, so exclude it.
    directions: Tensor = torch.linalg.eigh(covariance + covariance.trace() / width).eigenvectors
    return directions[:, 0]


def _centred(rows: Tensor, dim: int = -1) -> Tensor:
    return rows - rows.mean(dim=dim, keepdim=True)
