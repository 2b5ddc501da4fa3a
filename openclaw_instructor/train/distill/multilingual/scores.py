"""Score what a checkpoint learned on translations that no batch held, language by language, for its model card."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from openclaw_instructor.model.device import autocast, choose_training_dtype
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.train.distill.batches import Drawn
from openclaw_instructor.train.distill.multilingual.aligned import AlignedBatches


@dataclass(frozen=True)
class Score:
    """Of one language: `texts` held out, their mean `cosine` to their targets, and the share that is `found`.

    A text is found where its English side is nearest to it among those of all its language's texts, and it is nearest
    to that side; the share is the mean of both ways.
    """

    texts: int
    cosine: float
    found: float


@torch.no_grad()
def scores(encoder: T5Encoder, batches: AlignedBatches) -> dict[str, Score]:
    """Score each language on the translations that `batches` holds out."""
    encoder.eval()
    rows = batches.corpus.texts.translations
    by_language: dict[str, list[int]] = defaultdict(list)
    for index in batches.corpus.split.held:
        by_language[rows[index].language].append(index)
    return {language: _score(encoder, batches, held) for language, held in sorted(by_language.items())}


def _score(encoder: T5Encoder, batches: AlignedBatches, held: list[int]) -> Score:
    sides = torch.tensor([batches.corpus.texts.translations[index].english for index in held])
    unique, own = sides.unique(return_inverse=True)
    texts, targets = _read(encoder, batches.in_order(held))
    english, _ = _read(encoder, batches.in_order(unique.tolist(), is_english=True))
    similarity = texts @ english.T
    there = (similarity.argmax(dim=1) == own).float().mean()
    back = (own[similarity.argmax(dim=0)] == torch.arange(len(unique))).float().mean()
    return Score(len(held), float((texts * targets).sum(dim=1).mean()), float((there + back) / 2))


def _read(encoder: T5Encoder, batches: Iterable[Drawn]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the vectors and the targets of batches, (texts, dimension) each, on the CPU."""
    vectors, targets = [], []
    with autocast(encoder.device, choose_training_dtype("auto", encoder.device)):
        for drawn in batches:
            assert drawn.targets is not None, "aligned batches have targets"
            vectors.append(encoder(Packed.of(drawn.prompts).to(encoder.device)).float().cpu())
            targets.append(drawn.targets)
    return torch.cat(vectors), torch.cat(targets)
