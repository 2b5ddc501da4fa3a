"""Evaluate an encoder during its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812

from openclaw_instructor.evaluate.datasets import find
from openclaw_instructor.evaluate.embedders import Embedded
from openclaw_instructor.evaluate.metrics import need_for
from openclaw_instructor.model.batching import batches
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import autocast
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompter
from openclaw_instructor.paths import expanded


class TrainedEmbedder:
    """Embeds with the weights as they are now; implements `evaluate.embedders.Embedder`."""

    def __init__(self, encoder: T5Encoder, checkpoint: Checkpoint, dtype: torch.dtype, name: str = "training") -> None:
        self.name = name
        self.encoder, self.dtype = encoder, dtype
        self.prompter = Prompter(checkpoint)

    @torch.no_grad()
    def embed(self, texts: Sequence[str], instruction: str, role: str = "text") -> Embedded:
        """Embed texts under the instruction; `role` does not matter."""
        prompts = self.prompter.render(instruction, texts)
        device = self.encoder.device
        vectors = torch.empty(len(prompts), self.encoder.shape.dimension)
        for chunk in batches([len(prompt.ids) for prompt in prompts], 16_384):
            with autocast(device, self.dtype):
                output = self.encoder(Packed.of([prompts[i] for i in chunk]).to(device))
            vectors[chunk] = F.normalize(output.float(), dim=1).cpu()
        return Embedded(vectors.numpy(), sum(prompt.truncated for prompt in prompts))


class Scores:
    """Measures a folder of evaluation data during training: the mean score of each kind.

    Raises InvalidData when the folder holds no data, MissingExtra where what measures it is not installed.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        # Checked before training, not hours later.
        need_for({dataset.kind for dataset in find(expanded(folder)).datasets})
        self.folder, self.limit = folder, limit

    def __call__(self, embedder: TrainedEmbedder, step: int) -> dict[str, float]:
        """Measure the encoder as it is now."""
        from openclaw_instructor.evaluate import evaluate

        report = evaluate(self.folder, [embedder], modes=["dense"], facets=False, limit=self.limit)
        return {row["kind"]: round(row["score"], 4) for row in report.means()}
