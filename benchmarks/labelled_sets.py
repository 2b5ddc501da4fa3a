"""Sets of labelled texts with their embeddings, as `benchmarks/classify.py` reads them."""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from openclaw_instructor.engine import Engine
from openclaw_instructor.evaluate.instructions import Instructions
from openclaw_instructor.settings import Settings

Vectors = NDArray[np.floating]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Dataset:
    """A set with its embeddings; labels are places in `labels`."""

    name: str
    labels: list[str]
    names: Vectors
    texts: list[str]
    train: Vectors
    train_labels: Places
    test_texts: list[str]
    test: Vectors
    test_labels: Places


class Embedded:
    """Embeddings of the sets of a folder, kept in files if a folder is given for them."""

    def __init__(self, data: Path, checkpoint: str, cache: Path | None, limit: int | None) -> None:
        self.data, self.limit, self.cache = data, limit, cache
        home = Path(tempfile.mkdtemp(prefix="classify-benchmark-"))
        self.engine = Engine(Settings.load(home, checkpoint=checkpoint))
        self.instructions = Instructions.load(None)

    def rows(self, name: str, split: str) -> list[dict[str, str]]:
        with gzip.open(self.data / name / f"{split}.jsonl.gz", "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines][: self.limit]

    def vectors(self, name: str, part: str, texts: Sequence[str], under: str = "") -> Vectors:
        kept = self.cache / f"{name}.{part}.npy" if self.cache else None
        if kept and kept.exists() and len(known := np.load(kept)) >= len(texts):
            return np.asarray(known[: len(texts)])
        instruction = self.instructions.of(under or name, "classification", "text")
        made = self.engine.embed([text[:20_000] for text in texts], instruction).vectors
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.save(kept, made)
        return made

    def dataset(self, name: str) -> Dataset:
        train, test = self.rows(name, "train"), self.rows(name, "test")
        labels = sorted({row["label"] for row in train})
        place = {label: number for number, label in enumerate(labels)}
        test = [row for row in test if row["label"] in place]
        texts, test_texts = [row["text"] for row in train], [row["text"] for row in test]
        return Dataset(
            name,
            labels,
            self.vectors(name, "labels", [label.replace("_", " ") for label in labels]),
            texts,
            self.vectors(name, "train", texts),
            np.array([place[row["label"]] for row in train]),
            test_texts,
            self.vectors(name, "test", test_texts),
            np.array([place[row["label"]] for row in test]),
        )
