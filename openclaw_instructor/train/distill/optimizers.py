"""Choose the optimizers of a distillation."""

from __future__ import annotations

from typing import Any

import torch

from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.train.distill.config import DistillConfig


def optimizers_of(encoder: T5Encoder, config: DistillConfig) -> list[torch.optim.Optimizer]:
    """Make Muon (Jordan, 2024) for the layers' matrices, Adagrad for the token table, AdamW for the rest.

    A weight's `scale` is its own root mean square. Adagrad (Duchi et al., 2011) visits only the rows of a batch. Its
    steps in a row get smaller as that learns, so rare rows take large ones. A table without a rate has AdamW.
    """
    matrices: list[dict[str, Any]] = []
    table: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for name, weight in encoder.named_parameters():
        if not weight.requires_grad:
            continue
        scale = float(weight.detach().pow(2).mean().sqrt()) or encoder.shape.width**-0.5
        group = {"params": [weight], "scale": scale}
        if name.startswith("layers.") and weight.dim() == 2:
            (matrices if config.muon else rest).append(group | {"scale": config.matrix_rate * scale})
        elif name.startswith("tokens.") and config.table_rate:
            table.append(group | {"scale": config.table_rate * scale})
        else:
            rest.append(group | {"weight_decay": 0.0 if name.startswith("tokens.") else config.weight_decay})
    rate, optimizers = config.learning_rate, list[torch.optim.Optimizer]()
    if matrices:  # updates have the root mean square of AdamW's, so that one learning rate serves both
        optimizers.append(torch.optim.Muon(matrices, rate, config.weight_decay, adjust_lr_fn="match_rms_adamw"))
    if table:
        optimizers.append(torch.optim.Adagrad(table, rate))
    if rest:
        optimizers.append(torch.optim.AdamW(rest, rate, betas=(0.9, 0.98), fused=True))
    return optimizers
