"""Small training problems with an answer to learn, and comparisons of weights."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.networks.t5 import T5Encoder
from tests.evaluate.sets import jsonl

ASK, ANSWER = "Represent the question: ", "Represent the document: "
WORDS = ["add", "task", "invoice", "March", "pay", "thirty", "days", "encoder", "tokens", "vectors", "mean", "text"]


def records(count: int = 24, tasks: int = 2, seed: int = 0) -> list[dict[str, Any]]:
    """Questions that share their words with their answer in another order; hard negatives lack one."""
    draw = random.Random(seed)
    rows = []
    for index in range(count):
        words = draw.sample(WORDS, 4)
        answer, wrong = " ".join(reversed(words)), " ".join([*words[:2], *draw.sample(WORDS, 2)])
        row: dict[str, Any] = {"query": [ASK, " ".join(words)], "pos": [ANSWER, answer], "task_id": index % tasks}
        if index % tasks == 0:
            row["neg"] = [ANSWER, wrong]
        rows.append(row)
    return rows


def data(folder: Path, **options: int) -> Path:
    return jsonl(folder / "medi.jsonl", records(**options))


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return dict(T5Encoder.from_checkpoint(Checkpoint.open(checkpoint)).state_dict())


def furthest(one: Path, other: Path) -> float:
    """The largest difference between any two weights."""
    first, second = weights(one), weights(other)
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def apart(one: Path, other: Path, start: Path) -> float:
    """How far two results of training lie from each other, as a share of their way from `start`.

    Mean absolute differences: AdamW moves a weight whose gradient is next to zero by up to the learning rate whatever
    the gradient's size, so the sign of a rounding error decides where a few weights go, but not where most do.
    """
    first, second, origin = weights(one), weights(other), weights(start)
    difference = sum(float((first[name] - second[name]).abs().sum()) for name in first)
    return difference / sum(float((second[name] - origin[name]).abs().sum()) for name in first)
