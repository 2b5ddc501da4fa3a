"""One data set under one embedder and one set of instructions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openclaw_instructor.evaluate.datasets import Dataset, Row, cut
from openclaw_instructor.evaluate.embedders import Embedder
from openclaw_instructor.evaluate.instructions import Instructions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Complete = Callable[[Sequence[str]], Sequence[str]]
"""A language model: prompts to their completions, in order."""


@dataclass
class Task:
    """What one measurement needs; counts what it embeds.

    `shots` and `complete` are for prompt retrieval: examples in a prompt, and the language model that answers it.
    """

    dataset: Dataset
    embedder: Embedder
    instructions: Instructions
    limit: int | None = None
    shots: int = 8
    complete: Complete | None = None
    used: dict[str, str] = field(default_factory=dict)
    texts: int = 0
    truncated: int = 0

    def embed(self, texts: Sequence[str], role: str = "text", *, instruction: str | None = None) -> NDArray[np.float32]:
        """Embed texts under the data set's instruction for `role`, or a given one, and record what was used."""
        if instruction is None:
            instruction = self.instructions.of(self.dataset.name, self.dataset.kind, role)
            self.used[role] = instruction
        embedded = self.embedder.embed(texts, instruction, role)
        self.texts += len(texts)
        self.truncated += embedded.truncated
        return embedded.vectors

    def cut(self, rows: list[Row]) -> list[Row]:
        """Take at most `limit` rows, evenly spread and with the labels in proportion."""
        return rows if self.limit is None else cut(rows, self.limit)
