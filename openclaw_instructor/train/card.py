"""Write the model card of a trained checkpoint: its start, data, settings and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.train.metrics_log import read

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Checkpoint
    from openclaw_instructor.train.config import TrainConfig
    from openclaw_instructor.train.medi import MediData


def model_card(
    start: Checkpoint, files: Sequence[Path], data: MediData, config: TrainConfig, steps: int, run: Path
) -> str:
    """Write the card as Markdown with the hub's front matter. The owner of the data has to add the licence."""
    rows = read(run / "metrics.jsonl")
    losses = [row for row in rows if "loss" in row]
    last_loss = f"; last loss {losses[-1]['loss']}" if losses else ""
    scores = {k: v for row in rows for k, v in row.items() if k.startswith("evaluate/")}
    sources = "\n".join(f"- `{path.name}`" for path in files)
    settings = "\n".join(f"| {key} | {value} |" for key, value in asdict(config).items() if value is not None)
    base = f"base_model: {start.name}\n" if "/" in start.name and not Path(start.name).exists() else ""
    return f"""---
library_name: openclaw-instructor
pipeline_tag: sentence-similarity
{base}tags:
- instructor
- sentence-similarity
---

# Trained from {Path(start.name).name}

An INSTRUCTOR checkpoint: give it an instruction with each text, as `[instruction, text]` pairs.

    from openclaw_instructor import INSTRUCTOR
    INSTRUCTOR("this folder").encode([["Represent the sentence for retrieval: ", "How do I add a task?"]])

{start.parameters / 1e6:.1f} million weights, vectors of {start.dimension} numbers, up to {start.max_seq_length} tokens.

## Training

{steps} steps over {len(data)} records of {len(data.tasks)} tasks{last_loss}. Files:

{sources}

| setting | value |
| --- | --- |
{settings}
{_measured(scores)}"""


def _measured(scores: Mapping[str, float]) -> str:
    """Return the section with the scores at the end of the run; empty without an evaluation."""
    if not scores:
        return ""
    rows = "\n".join(f"| {key.removeprefix('evaluate/')} | {value} |" for key, value in scores.items())
    return f"""
## Measured at the end

| kind | score |
| --- | --- |
{rows}
"""
