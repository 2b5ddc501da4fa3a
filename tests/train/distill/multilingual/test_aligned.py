from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from openclaw_instructor.evaluate.embedders import Embedded
from openclaw_instructor.train.distill.multilingual.aligned import AlignedBatches, AlignedCorpus, _ByLength
from openclaw_instructor.train.distill.multilingual.config import MultilingualConfig, stage
from openclaw_instructor.train.distill.multilingual.held_out import split
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts, Translation
from openclaw_instructor.train.distill.multilingual.targets import EnglishVectors

CONFIG = MultilingualConfig(batch_tokens=200, batch_texts=16)
SHIFT = np.float32(0.5)  # what an instruction adds to a vector here


class Shifted:
    """In place of a checkpoint: a text's number, and half more under an instruction."""

    name = "shifted"

    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
        numbers = np.array([[float(text.split()[0])] * 3 for text in texts], np.float32)
        return Embedded(numbers + (SHIFT if instruction else 0), 0)


@pytest.fixture
def corpus() -> AlignedCorpus:
    """English text n is n tokens `100`; its translations are n tokens `200` and `300`."""
    count = 300
    english = [f"{n} of them" for n in range(count)]
    lengths = [1 + n % 12 for n in range(count)]
    rows = [
        Translation(n, code, f"{n} {code}") for n in range(count) for code in ("de", "ru") if code == "de" or n % 5 == 0
    ]
    ids = [[{"de": 200, "ru": 300}[row.language]] * lengths[row.english] for row in rows]
    asked = [("Represent it: ", [7, 8])]
    sides = [[100] * length for length in lengths]
    vectors = EnglishVectors(english, Shifted())
    texts = AlignedTexts(english, rows)
    return AlignedCorpus(texts, sides, ids, vectors, asked, Shifted(), start=1, end=2, split=split(texts, 20))


def test_translations_are_given_the_vectors_of_their_english_sides(corpus: AlignedCorpus) -> None:
    batches = AlignedBatches(corpus, CONFIG)
    held = {corpus.texts.translations[index].english for index in batches.corpus.split.held}
    assert held
    for _ in range(30):
        drawn = batches.draw()
        assert drawn.targets is not None
        assert not drawn.of_teacher
        assert sum(len(prompt.ids) for prompt in drawn.prompts) <= 2 * CONFIG.batch_tokens
        lengths = [len(prompt.ids) for prompt in drawn.prompts]
        assert lengths == sorted(lengths)
        for prompt, target in zip(drawn.prompts, drawn.targets, strict=True):
            side = int(target[0])
            assert side not in held
            assert prompt.ids[1] in (200, 300)
            assert len(prompt.ids) == len(corpus.english[side]) + 2
            assert (prompt.ids[0], prompt.ids[-1], prompt.pool_from) == (1, 2, 0)


def test_others_are_english_sides_of_everyday_sentences_that_are_learned(corpus: AlignedCorpus) -> None:
    learned = {corpus.texts.translations[place].english for place in corpus.split.learned}
    others = AlignedBatches(corpus, replace(CONFIG, others=40)).draw().others
    assert others is not None
    assert len(others) == 40
    assert set(others[:, 0].int().tolist()) <= learned
    chosen = corpus.split.learned[:7]
    corpus.everyday = frozenset([*chosen, *corpus.split.held])
    others = AlignedBatches(corpus, replace(CONFIG, others=40)).draw().others
    assert others is not None
    assert set(others[:, 0].int().tolist()) == {corpus.texts.translations[place].english for place in chosen}


def test_held_out_texts_are_of_every_language(corpus: AlignedCorpus) -> None:
    batches = AlignedBatches(corpus, CONFIG)
    drawn = list(batches.held_out())
    assert sum(len(each.prompts) for each in drawn) == len(corpus.split.held) >= 20
    assert {prompt.ids[1] for each in drawn for prompt in each.prompts} == {200, 300}


def test_under_an_instruction_the_target_is_the_english_vector_under_it(corpus: AlignedCorpus) -> None:
    config = replace(CONFIG, english_share=0.5, instruction_share=1.0)
    batches = AlignedBatches(corpus, config)
    kinds = set()
    for _ in range(20):
        drawn = batches.draw()
        assert drawn.targets is not None
        for prompt, target in zip(drawn.prompts, drawn.targets, strict=True):
            assert prompt.ids[:3] == [1, 7, 8]
            assert prompt.pool_from == 3
            assert float(target[0] - SHIFT) == int(target[0])
            kinds.add(prompt.ids[3])
    assert {100} < kinds


def test_rarer_languages_are_drawn_oftener_than_they_occur(corpus: AlignedCorpus) -> None:
    def share(balance: float) -> float:
        batches = AlignedBatches(corpus, replace(CONFIG, balance=balance))
        counts = Counter(prompt.ids[1] for _ in range(200) for prompt in batches.draw().prompts)
        return counts[300] / counts.total()

    assert share(1) > 2 * share(0)


def test_everyday_sentences_are_drawn_oftener_and_other_translations_of_their_english_are_not(
    corpus: AlignedCorpus,
) -> None:
    def share(everyday: frozenset[int], code: int) -> float:
        batches = AlignedBatches(replace(corpus, everyday=everyday), CONFIG)
        drawn = [batches.draw() for _ in range(300)]
        texts = [
            (int(target[0]), prompt.ids[1])
            for each in drawn
            if each.targets is not None
            for prompt, target in zip(each.prompts, each.targets, strict=True)
        ]
        return sum(place >= 200 and place % 5 == 0 and piece == code for place, piece in texts) / len(texts)

    rows = enumerate(corpus.texts.translations)
    chosen = frozenset(index for index, row in rows if row.english >= 200 and row.language == "ru")
    assert share(chosen, 300) > 3 * share(frozenset(), 300)
    assert share(chosen, 200) < share(frozenset(), 200)


def test_each_text_is_drawn_in_proportion_to_its_weight() -> None:
    chance = random.Random(0)
    lengths = np.array([chance.randint(1, 30) for _ in range(20_000)])
    heavy = np.array([chance.random() < 0.05 for _ in lengths])
    config = replace(CONFIG, batch_tokens=300)
    texts = _ByLength(lengths, np.arange(len(lengths)), np.where(heavy, 20.0, 1.0), 100, config)
    counts = np.bincount([index for _ in range(6_000) for index in texts.draw(chance)], minlength=len(lengths))
    assert 16 < counts[heavy].mean() / counts[~heavy].mean() < 22
    short = lengths < 10
    assert 0.8 < counts[~heavy & short].mean() / counts[~heavy & ~short].mean() < 1.25


def test_of_long_texts_fewer_are_drawn(corpus: AlignedCorpus) -> None:
    def share(cap: int) -> float:
        batches = AlignedBatches(corpus, replace(CONFIG, long_text=cap))
        lengths = [len(prompt.ids) for _ in range(300) for prompt in batches.draw().prompts]
        return sum(length > 10 for length in lengths) / len(lengths)

    assert share(5) < 0.8 * share(1_000)


def test_only_large_batches_are_fast_on_a_gpu() -> None:
    cpu, gpu = (stage("rows", torch.device(name), 1_000, 2.0, 0) for name in ("cpu", "cuda"))
    assert gpu.batch_tokens > 5 * cpu.batch_tokens
    assert (cpu.english_share, stage("layers", torch.device("cpu"), 1_000, 2.0, 0).english_share) == (0.0, 0.2)


def test_each_english_text_is_embedded_once() -> None:
    class Counted(Shifted):
        def __init__(self) -> None:
            self.asked: list[str] = []

        def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
            self.asked.extend(texts)
            return super().embed(texts, instruction, role)

    reference = Counted()
    vectors = EnglishVectors([f"{n} of them" for n in range(9)], reference)
    for places in ([7, 2, 7], [2], [0, 7, 2, 8]):
        np.testing.assert_array_equal(vectors.of(places), [[place] * 3 for place in places])
    assert sorted(reference.asked) == [f"{n} of them" for n in (0, 2, 7, 8)]
