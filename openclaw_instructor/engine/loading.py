"""The model of the settings, made to live long in one process."""

from __future__ import annotations

import os

from openclaw_instructor.engine.scheduler import Embedder
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.settings import Settings


def load_instructor(checkpoint: Checkpoint, settings: Settings) -> tuple[Embedder, int]:
    """The model, and how many passes of it may run at a time: two share processor cores well, a GPU takes one."""
    # oneDNN keeps half a megabyte for every number of tokens it has seen, of which 1,024 would be kept.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
    # Its threads would only take the cores from the passes under way, and all of them together need more time.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch

    from openclaw_instructor.model.instructor import INSTRUCTOR

    if settings.threads:
        torch.set_num_threads(settings.threads)
    model = INSTRUCTOR(checkpoint, settings.device, settings.dtype)
    return model, 2 if model.device.type == "cpu" else 1
