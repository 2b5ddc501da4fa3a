"""Draw the batches of a distillation: texts of similar length with their teacher's vectors."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from openclaw_instructor.model.prompt import Prompt

if TYPE_CHECKING:
    from openclaw_instructor.train.distill.config import DistillConfig
    from openclaw_instructor.train.distill.token_teacher import TokenTeacher


@dataclass
class Faceted:
    """Texts with facets: for each facet the target vectors (texts, dimension) and the token ids of `instructions`."""

    ids: list[list[int]]
    targets: dict[str, np.ndarray]
    instructions: dict[str, list[list[int]]]


@dataclass
class Corpus:
    """Texts as token ids without special tokens, and pairs of indices into them.

    `vectors` (texts, dimension) are the teacher's; None where a `token_teacher` computes them batch by batch.
    """

    ids: list[list[int]]
    vectors: np.ndarray | None
    pairs: np.ndarray
    instructions: list[list[int]]
    query_instructions: list[list[int]]
    passage_instructions: list[list[int]]
    start: int  # the token before every prompt ([CLS]); -1 for none
    end: int  # the token after it ([SEP] or </s>)
    faceted: list[Faceted] = field(default_factory=list)
    token_teacher: TokenTeacher | None = None
    often: Sequence[int] = ()  # texts drawn three times as often as others of their length


@dataclass
class Drawn:
    """Prompts sorted by length and their target vectors (prompts, dimension) float32.

    A target is None where the teacher computes it from the same batch. `others` (others, dimension) are vectors
    of further texts, with which these must not be confused.
    """

    prompts: list[Prompt]
    targets: torch.Tensor | None
    of_teacher: bool = True  # the targets are the teacher's vectors, so its token states can be used too
    others: torch.Tensor | None = None

    def reordered(self, order: Sequence[int]) -> Drawn:
        """Return the batch in another order."""
        targets = None if self.targets is None else self.targets[list(order)]
        return replace(self, prompts=[self.prompts[i] for i in order], targets=targets)


class Batches:
    """Draws batches of similar length from a corpus; its state is one random generator."""

    def __init__(self, corpus: Corpus, config: DistillConfig, held_out: int) -> None:
        self.corpus, self.config, self.token_teacher = corpus, config, corpus.token_teacher
        self.held = sorted(range(held_out), key=lambda index: len(corpus.ids[index]))
        self.random = random.Random(config.seed)
        lengths = np.array([len(ids) for ids in corpus.ids])
        self.lengths = lengths
        singles = np.arange(held_out, len(lengths))
        self.order = singles[np.argsort(lengths[held_out:], kind="stable")]
        # Draw by tokens, because long texts are harder to learn and would hardly be drawn uniformly.
        tokens = lengths + 4.0
        times = np.ones(len(lengths))
        times[list(corpus.often)] = 3.0
        self.cumulative = np.cumsum((tokens * times)[self.order])
        usable = (corpus.pairs >= held_out).all(axis=1)
        pairs = corpus.pairs[usable]
        self.pairs = pairs[np.argsort(lengths[pairs].sum(axis=1), kind="stable")]
        self.cumulative_pairs = np.cumsum(tokens[self.pairs].sum(axis=1))

    def draw(self) -> Drawn:
        """Draw the next batch."""
        if self.corpus.faceted and self.random.random() < self.config.facet_share:
            return self._faceted()
        if len(self.pairs) and self.random.random() < self.config.pair_share:
            texts, instructions = self._pairs()
        else:
            texts, instructions = self._singles()
        prompts = [self.prompt(index, instruction) for index, instruction in zip(texts, instructions, strict=True)]
        return _sorted(Drawn(prompts, self.targets(texts)))

    def held_out(self) -> Iterator[Drawn]:
        """Yield the first `held_out` texts, which no batch contains."""
        for start in range(0, len(self.held), 128):
            chosen = self.held[start : start + 128]
            yield Drawn([self.prompt(index, []) for index in chosen], self.targets(chosen))

    def targets(self, texts: Sequence[int]) -> torch.Tensor | None:
        """Return the teacher's vectors (texts, dimension) float32, if they were computed before."""
        if self.corpus.vectors is None:
            return None
        return torch.from_numpy(self.corpus.vectors[list(texts)].astype(np.float32))

    def _faceted(self) -> Drawn:
        """Draw texts of one source under an instruction that asks for one of their facets."""
        source = self.random.choice(self.corpus.faceted)
        facet = self.random.choice(list(source.targets))
        instruction = self.random.choice(source.instructions[facet])
        chosen = self.random.sample(range(len(source.ids)), min(self.config.facet_texts, len(source.ids)))
        prompts = [self._with_edges(source.ids[index], instruction) for index in chosen]
        return _sorted(Drawn(prompts, torch.from_numpy(source.targets[facet][chosen]), of_teacher=False))

    def _singles(self) -> tuple[list[int], list[list[int]]]:
        at = self._place(self.cumulative)
        length = int(self.lengths[self.order[at]]) + 2
        count = max(16, min(self.config.batch_texts, self.config.batch_tokens // length))
        window = self.order[max(0, at - 4 * count) : at + 4 * count]
        chosen = self.random.sample(list(window), min(count, len(window)))
        instruction = self._maybe(self.corpus.instructions)
        return [int(i) for i in chosen], [instruction] * len(chosen)

    def _pairs(self) -> tuple[list[int], list[list[int]]]:
        at = self._place(self.cumulative_pairs)
        length = int(self.lengths[self.pairs[at]].sum()) + 4
        count = max(16, min(self.config.batch_texts // 2, self.config.batch_tokens // length))
        window = self.pairs[max(0, at - 4 * count) : at + 4 * count]
        chosen = window[self.random.sample(range(len(window)), min(count, len(window)))]
        query, passage = self._maybe(self.corpus.query_instructions), self._maybe(self.corpus.passage_instructions)
        texts = [int(i) for i in chosen[:, 0]] + [int(i) for i in chosen[:, 1]]
        return texts, [query] * len(chosen) + [passage] * len(chosen)

    def _place(self, cumulative: np.ndarray) -> int:
        return int(np.searchsorted(cumulative, self.random.random() * cumulative[-1]))

    def _maybe(self, instructions: list[list[int]]) -> list[int]:
        return self.random.choice(instructions) if self.random.random() < self.config.instruction_share else []

    def prompt(self, index: int, instruction: list[int]) -> Prompt:
        """Build the prompt of a text under an instruction, both as token ids."""
        return self._with_edges(self.corpus.ids[index], instruction)

    def _with_edges(self, text: list[int], instruction: list[int]) -> Prompt:
        lead = [self.corpus.start] if self.corpus.start >= 0 else []
        skipped = len(lead) + len(instruction) if instruction else 0
        return Prompt([*lead, *instruction, *text, self.corpus.end], skipped, truncated=False)


def _sorted(drawn: Drawn) -> Drawn:
    return drawn.reordered(sorted(range(len(drawn.prompts)), key=lambda i: len(drawn.prompts[i].ids)))
