"""Define the settings of a distillation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DistillConfig:
    """The settings of a distillation."""

    tokens: int = 24_000_000  # length of the run; the learning rate follows it
    minutes: float = 0.0  # of training after which it ends, if that is sooner; 0 for no limit
    batch_tokens: int = 6_144  # tokens of a step
    batch_texts: int = 320  # and at most so many texts
    pair_share: float = 0.35  # of the steps use (query, passage) pairs
    instruction_share: float = 0.35  # of the batches carry an instruction
    learning_rate: float = 0.0025  # of each weight's own root mean square, as in Adafactor (Shazeer and Stern, 2018)
    matrix_rate: float = 2.0  # that of the layers' matrices, as a multiple
    muon: bool = True  # for the layers' matrices; False for AdamW, which takes less time a step
    table_rate: float = 0.0  # that of the token table by Adagrad, likewise; 0 for AdamW
    warmup_steps: int = 150
    decay_from: float = 0.0  # share of the run after which the rate falls linearly to zero
    weight_decay: float = 0.01
    regression_weight: float = 10.0
    cross_weight: float = 0.0  # of the similarities between the two models' vectors
    others_weight: float = 0.0  # of the similarities to texts outside the batch, where it has such
    states_weight: float = 20.0  # of the token states' loss, where the corpus has a teacher for them
    facet_share: float = 0.2  # of the steps ask for a facet, if the corpus has any
    facet_texts: int = 160  # of such a step
    similarity_scale: float = 20.0
    clip: float = 1.0
    seed: int = 0
    save_every: float = 300.0  # seconds between checkpoints
    log_every: int = 50
