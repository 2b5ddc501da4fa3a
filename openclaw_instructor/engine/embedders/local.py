"""Embed with a checkpoint on this machine, run by this package's own encoder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from openclaw_instructor.engine.embedders.protocol import Model, Role
from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.instructions import overridden
from openclaw_instructor.model.known import KNOWN
from openclaw_instructor.model.prompt import Prompt, Prompter
from openclaw_instructor.settings import Settings

# oneDNN keeps half a megabyte for each number of tokens, and by default 1,024 of them.
ONEDNN_CACHE = "128"


def open_checkpoint(settings: Settings) -> Checkpoint:
    """Open `settings.checkpoint` with what the settings say of instructions and dimensions.

    Raises InvalidCheckpoint, CheckpointUnavailable, InvalidSettings.
    """
    checkpoint = Checkpoint.open(settings.checkpoint, revision=settings.revision, offline=settings.offline)
    form = overridden(checkpoint.form, settings.instruction_form, settings.prompts)
    if settings.dimensions is None:
        return replace(checkpoint, form=form)
    if settings.dimensions > checkpoint.dimension:
        raise InvalidSettings(
            f"setting `dimensions`: {settings.dimensions}, but {checkpoint.name} gives {checkpoint.dimension}; lower it"
        )
    return replace(checkpoint, form=form, head=replace(checkpoint.head, truncate_to=settings.dimensions))


class LocalEmbedder:
    """Opens `settings.checkpoint`. Raises InvalidCheckpoint, CheckpointUnavailable."""

    def __init__(self, settings: Settings) -> None:
        self.checkpoint = open_checkpoint(settings)
        self.passes = 1
        self._settings = settings
        self._prompter = Prompter(self.checkpoint)

    @property
    def name(self) -> str:
        """The checkpoint's name."""
        return self.checkpoint.name

    @property
    def identity(self) -> str:
        """The hash of what determines the checkpoint's vectors."""
        return self.checkpoint.identity

    @property
    def dimension(self) -> int:
        """The number of channels of a vector."""
        return self.checkpoint.dimension

    @property
    def least_dimension(self) -> int:
        """The smallest dimension to which the vectors may be truncated."""
        known = KNOWN.get(self.checkpoint.name)
        return min([self.dimension, *(known.matryoshka if known else ())])

    @property
    def max_seq_length(self) -> int:
        """The length limit, in tokens."""
        return self.checkpoint.max_seq_length

    def before(self, instruction: str, role: Role) -> str:
        """Return the prefix of a text of this role under a task's instruction."""
        return self.checkpoint.form.before(instruction, role)

    def render(self, before: str, texts: Sequence[str]) -> list[Prompt]:
        """Tokenize texts behind the prefix `before`, truncated at the length limit."""
        return self._prompter.render(before, texts)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without an instruction."""
        return self._prompter.count(texts)

    def room(self, instruction: str) -> int:
        """Return how many tokens of a document fit beside an instruction."""
        return self._prompter.room(self.before(instruction, "document"))

    def close(self) -> None:
        """Do nothing: the scheduler owns the loaded model."""

    def load(self) -> Model:
        """Load the weights, with settings for a long-lived process; without torch if an earlier start prepared them."""
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", ONEDNN_CACHE)
        # The tokenizer's threads would take cores from the passes in flight.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from openclaw_instructor.model.inference.prepared_model import open_prepared

        self.passes = 2
        settings = self._settings
        ready = open_prepared(self._prepared, self.checkpoint, settings.dtype, settings.device, settings.threads)
        return ready or self._load_with_torch()

    @property
    def _prepared(self) -> Path:
        return self._settings.home / "prepared"

    def _load_with_torch(self) -> Model:
        import torch

        from openclaw_instructor.model.inference.prepared_model import keep_prepared
        from openclaw_instructor.model.instructor import INSTRUCTOR

        if self._settings.threads:
            torch.set_num_threads(self._settings.threads)
        model = INSTRUCTOR(self.checkpoint, self._settings.device, self._settings.dtype)
        # Two passes share processor cores well, a GPU takes one.
        self.passes = 2 if model.device.type == "cpu" else 1
        if self._settings.dtype == "auto":
            keep_prepared(self._prepared, self.checkpoint, model.backend)
        return model
