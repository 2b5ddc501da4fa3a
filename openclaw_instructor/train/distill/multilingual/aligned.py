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
from openclaw_instructor.train.distill.multilingual.held_out import Split
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts
from openclaw_instructor.train.distill.multilingual.targets import EnglishVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.evaluate.embedders import Embedder
    from openclaw_instructor.train.distill.token_teacher import TokenTeacher

_WATCHED = 500  # of the translations that are held out, during the training
_BLOCK = 128  # texts
_WINDOW = 32  # batches to either side of a place, from whose texts of like length a batch is drawn


@dataclass
class AlignedCorpus:
    """Texts as token ids without special tokens, and `vectors`, the targets of the English texts.

    `reference` embeds English texts under one of the `instructions`, which are given as text and as token ids.
    """

    texts: AlignedTexts
    english: Sequence[Sequence[int]]
    translations: Sequence[Sequence[int]]
    vectors: EnglishVectors
    instructions: Sequence[tuple[str, list[int]]]
    reference: Embedder
    start: int
    end: int
    split: Split
    everyday: frozenset[int] = frozenset()  # translations that are drawn oftener


class _ByLength:
    """Texts sorted by length, each of which a run reads in proportion to its `times`.

    Those longer than `long` tokens are drawn more seldom, so that they take no more time than one of that length.
    """

    def __init__(
        self,
        lengths: NDArray[np.int64],
        chosen: NDArray[np.int64],
        times: NDArray[np.float64],
        long: int,
        config: MultilingualConfig,
    ) -> None:
        self.lengths, self.config = lengths, config
        self.weights = times * np.minimum(1, long / (lengths + 2))
        # Rows of one source stand together, and are to share batches with others of their length.
        mixed = np.random.default_rng(config.seed).permutation(chosen)
        self.order = mixed[np.argsort(lengths[mixed], kind="stable")]
        per_batch = np.clip(config.batch_tokens // (lengths[self.order] + 2), 1, config.batch_texts)
        self.cumulative = np.cumsum(self.weights[self.order] / per_batch)

    def draw(self, chance: random.Random) -> list[int]:
        """Draw texts of similar length for one batch, shortest first."""
        at = int(np.searchsorted(self.cumulative, chance.random() * self.cumulative[-1]))
        most, tokens = self.config.batch_texts, self.config.batch_tokens
        count = max(1, min(most, tokens // (int(self.lengths[self.order[at]]) + 2)))
        window = self.order[max(0, at - _WINDOW * count) : at + _WINDOW * count]
        # Weighted sampling without replacement (Efraimidis and Spirakis, 2006).
        keys = np.random.default_rng(chance.getrandbits(64)).exponential(size=len(window)) / self.weights[window]
        drawn = window[np.argsort(keys)[:count]]
        fitting = max(1, int((np.cumsum(self.lengths[drawn] + 2) <= tokens).sum()))
        return sorted(drawn[:fitting].tolist(), key=self.lengths.__getitem__)


class AlignedBatches:
    """A `Source` of batches of either translations or English texts; its state is one random generator."""

    token_teacher: TokenTeacher | None = None

    def __init__(self, corpus: AlignedCorpus, config: MultilingualConfig) -> None:
        self.corpus, self.config, self.random = corpus, config, random.Random(config.seed)
        rows = corpus.texts.translations
        counts = Counter(row.language for row in rows)
        most = max(counts.values())
        times = np.array([(most / counts[row.language]) ** config.balance for row in rows])
        times[list(corpus.everyday)] *= config.everyday_times
        translations, english = _lengths(corpus.translations), _lengths(corpus.english)
        learned, once = corpus.split, np.ones(len(english))
        self.translations = _ByLength(translations, np.array(learned.learned), times, config.long_text, config)
        self.english = _ByLength(english, np.array(learned.english), once, config.long_english, config)
        self.others: torch.Tensor | None = None
        if config.others and config.others_weight:
            self.others = torch.from_numpy(corpus.vectors.of(self._sides(config.others)))

    def _sides(self, most: int) -> list[int]:
        """Choose English sides, if possible of everyday sentences, which are alike in length and kind."""
        learned = self.corpus.split.learned
        places = [place for place in learned if place in self.corpus.everyday] or learned
        sides = sorted({self.corpus.texts.translations[place].english for place in places})
        return random.Random(self.config.seed).sample(sides, min(most, len(sides)))

    def draw(self) -> Drawn:
        """Draw the next batch; some carry an instruction, masked from the mean."""
        instruction: tuple[str, list[int]] = ("", [])
        is_english = self.random.random() < self.config.english_share
        if self.random.random() < self.config.instruction_share:
            instruction = self.random.choice(self.corpus.instructions)
        chosen = (self.english if is_english else self.translations).draw(self.random)
        return self._drawn(chosen, is_english, instruction)

    def held_out(self) -> Iterator[Drawn]:
        """Yield some of the translations that no batch contains, nor their English sides."""
        watched = self.corpus.split.held[:_WATCHED]
        return self.in_order(sorted(watched, key=lambda index: len(self.corpus.translations[index])))

    def in_order(self, chosen: Sequence[int], *, is_english: bool = False) -> Iterator[Drawn]:
        """Yield translations, or English texts, in the order in which they are given, without an instruction."""
        for start in range(0, len(chosen), _BLOCK):
            yield self._drawn(chosen[start : start + _BLOCK], is_english, ("", []))

    def _drawn(self, chosen: Sequence[int], is_english: bool, instruction: tuple[str, list[int]]) -> Drawn:
        corpus = self.corpus
        ids = corpus.english if is_english else corpus.translations
        sides = chosen if is_english else [corpus.texts.translations[index].english for index in chosen]
        if instruction[0]:
            vectors = corpus.reference.embed(
                [corpus.texts.english[side] for side in sides], instruction[0], "text"
            ).vectors
        else:
            vectors = corpus.vectors.of(sides)
        lead = [corpus.start, *instruction[1]]
        skipped = len(lead) if instruction[0] else 0
        prompts = [Prompt([*lead, *ids[index], corpus.end], skipped, truncated=False) for index in chosen]
        return Drawn(prompts, torch.from_numpy(vectors), of_teacher=False, others=self.others)


def _lengths(texts: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.array([len(text) for text in texts], np.int64)
