"""Define the settings of the multilingual stages."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from openclaw_instructor.train.distill.config import DistillConfig

TABLE_RATE = 0.1  # of the first step of each row


@dataclass(frozen=True)
class MultilingualConfig(DistillConfig):
    """The settings of one stage."""

    english_share: float = 0.0  # of the batches are English texts, whose vectors are to stay
    instruction_share: float = 0.0  # of the batches carry an instruction
    balance: float = 0.5  # 0 draws all rows equally often, 1 all languages
    long_text: int = 40  # tokens; longer ones teach fewer new words for their time, and are drawn more seldom
    long_english: int = 160  # English ones teach no words, but what a passage is near to
    everyday_times: float = 20.0  # as often as other texts of their length are everyday sentences drawn
    cross_weight: float = 1.0
    others: int = 16_384  # at most so many English sides beside its batch's among which each text is to find its own
    others_weight: float = 6.0
    muon: bool = False
    decay_from: float = 0.1
    save_every: float = 100.0


def stage(name: str, device: torch.device, tokens: int, minutes: float, seed: int) -> MultilingualConfig:
    """Return the settings of a stage: "rows", where only new rows learn, or "layers", where everything does.

    A GPU is fast at large batches only.
    """
    size = (65_536, 2_048) if device.type == "cuda" else (3_072, 320)
    shares = (0.0, 0.0) if name == "rows" else (0.2, 0.15)
    rate = 0.02 if name == "rows" else 0.002
    return MultilingualConfig(
        tokens=tokens, minutes=minutes, seed=seed, batch_tokens=size[0], batch_texts=size[1], learning_rate=rate,
        english_share=shares[0], instruction_share=shares[1], table_rate=TABLE_RATE / rate,
    )  # fmt: skip
