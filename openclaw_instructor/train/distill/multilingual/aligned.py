"""Draw batches of aligned texts: translations with the vectors of their English sides, and English texts with theirs.

The vectors are those of the checkpoint that learns the languages, as it was before. So English is to stay where it is,
and everything that it can do with an instruction can be asked of the other languages.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.train.distill.batches import Drawn
from openclaw_instructor.train.distill.multilingual.config import MultilingualConfig
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.evaluate.embedders import Embedder
    from openclaw_instructor.train.distill.token_teacher import TokenTeacher

HELD_OUT = 2_000  # translations, and nearly as many English texts
_WINDOW = 4  # batches to either side of a place, from whose texts of like length a batch is drawn


@dataclass
class AlignedCorpus:
    """Texts as token ids without special tokens, and `vectors` (English texts, dimension), their targets.

    `reference` embeds English texts under one of the `instructions`, which are given as text and as token ids.
    """

    texts: AlignedTexts
    english: Sequence[Sequence[int]]
    translations: Sequence[Sequence[int]]
    vectors: NDArray[np.float16]
    instructions: Sequence[tuple[str, list[int]]]
    reference: Embedder
    start: int
    end: int


class _ByLength:
    """Texts sorted by length, drawn in proportion to their tokens, so that a run reads each equally often."""

    def __init__(self, lengths: NDArray[np.int64], chosen: NDArray[np.int64], times: NDArray[np.float64]) -> None:
        self.lengths = lengths
        self.order = chosen[np.argsort(lengths[chosen], kind="stable")]
        self.cumulative = np.cumsum((lengths + 2.0)[self.order] * times[self.order])

    def draw(self, chance: random.Random, config: MultilingualConfig) -> list[int]:
        """Draw texts of similar length for one batch, shortest first."""
        at = int(np.searchsorted(self.cumulative, chance.random() * self.cumulative[-1]))
        count = max(1, min(config.batch_texts, config.batch_tokens // (int(self.lengths[self.order[at]]) + 2)))
        window = self.order[max(0, at - _WINDOW * count) : at + _WINDOW * count].tolist()
        return sorted(chance.sample(window, min(count, len(window))), key=self.lengths.__getitem__)


class AlignedBatches:
    """A `Source` of batches of either translations or English texts; its state is one random generator."""

    token_teacher: TokenTeacher | None = None

    def __init__(self, corpus: AlignedCorpus, config: MultilingualConfig, held_out: int = HELD_OUT) -> None:
        self.corpus, self.config, self.random = corpus, config, random.Random(config.seed)
        rows = corpus.texts.translations
        sides = np.array([row.english for row in rows])
        # English texts are in random order, so the translations of the first are a fair sample.
        last = np.sort(sides)[min(held_out, len(sides) // 10)]
        self.held = np.flatnonzero(sides < last).tolist()
        counts = Counter(row.language for row in rows)
        most = max(counts.values())
        times = np.array([(most / counts[row.language]) ** config.balance for row in rows])
        self.translations = _ByLength(_lengths(corpus.translations), np.flatnonzero(sides >= last), times)
        lengths = _lengths(corpus.english)
        self.english = _ByLength(lengths, np.arange(last, len(lengths)), np.ones(len(lengths)))

    def draw(self) -> Drawn:
        """Draw the next batch; some carry an instruction, masked from the mean."""
        instruction: tuple[str, list[int]] = ("", [])
        is_english = self.random.random() < self.config.english_share
        if self.random.random() < self.config.instruction_share:
            instruction = self.random.choice(self.corpus.instructions)
        chosen = (self.english if is_english else self.translations).draw(self.random, self.config)
        return self._drawn(chosen, is_english, instruction)

    def held_out(self) -> Iterator[Drawn]:
        """Yield the translations whose English sides no batch contains."""
        held = sorted(self.held, key=lambda index: len(self.corpus.translations[index]))
        for start in range(0, len(held), 128):
            yield self._drawn(held[start : start + 128], False, ("", []))

    def _drawn(self, chosen: Sequence[int], is_english: bool, instruction: tuple[str, list[int]]) -> Drawn:
        corpus = self.corpus
        ids = corpus.english if is_english else corpus.translations
        sides = chosen if is_english else [corpus.texts.translations[index].english for index in chosen]
        if instruction[0]:
            vectors = corpus.reference.embed(
                [corpus.texts.english[side] for side in sides], instruction[0], "text"
            ).vectors
        else:
            vectors = corpus.vectors[sides].astype(np.float32)
        lead = [corpus.start, *instruction[1]]
        skipped = len(lead) if instruction[0] else 0
        prompts = [Prompt([*lead, *ids[index], corpus.end], skipped, truncated=False) for index in chosen]
        return Drawn(prompts, torch.from_numpy(vectors), of_teacher=False)


def _lengths(texts: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.array([len(text) for text in texts], np.int64)
