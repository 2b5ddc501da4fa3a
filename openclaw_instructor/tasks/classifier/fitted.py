"""The labels of a task as they are fitted now: their own examples, and on top of them what was taught."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from openclaw_instructor.registry.kinds.classify import Label
from openclaw_instructor.tasks.classifier.evidence import SenderHistory
from openclaw_instructor.tasks.classifier.label_space import LabelSpace
from openclaw_instructor.tasks.classifier.label_vectors import embedded
from openclaw_instructor.tasks.classifier.learned import Learned

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.tasks.classifier.corrections import Correction, Corrections

# No checkpoint reads further; a megabyte of text would only be tokenised to be thrown away.
HEAD = 20_000
_KEPT = 32
# Texts this close with different labels contradict one another.
CONTRADICTION = 0.9

_fitted: WeakKeyDictionary[Engine, OrderedDict[tuple[str, str, tuple[Label, ...]], FittedLabels]] = WeakKeyDictionary()
_lock = threading.Lock()


@dataclass
class FittedLabels:
    """Labels under one instruction and checkpoint. Thread-safe."""

    labels: tuple[Label, ...]
    instruction: str
    space: LabelSpace
    examples: NDArray[np.float32]
    owners: NDArray[np.intp]
    centre: NDArray[np.float32]
    checkpoint: str = ""
    learned: Learned | None = None
    corrections: list[Correction] = field(default_factory=list)
    history: SenderHistory = field(default_factory=SenderHistory)
    _revision: int = 0
    _vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    _changing: threading.RLock = field(default_factory=threading.RLock)

    def probabilities(self, vectors: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float64]:
        """(n, dim) embeddings and their texts -> (n, labels); each row sums to 1."""
        own = self.space.probabilities(vectors, texts)
        with self._changing:
            return own if self.learned is None else self.learned.adjusted(vectors, own)

    def nearest(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the cosine of each embedding to what is most like it of all that is known of the labels."""
        nearest = self.space.nearest(vectors)
        with self._changing:
            return nearest if self.learned is None else np.maximum(nearest, self.learned.nearest(vectors)[1])

    def follow(self, task: str, corrections: Corrections, engine: Engine) -> None:
        """Learn what was taught or undone since the last call."""
        revision = corrections.revision()
        with self._changing:
            if revision == self._revision:
                return
            places = {label.name.casefold(): place for place, label in enumerate(self.labels)}
            wanted = [c for c in corrections.in_force(task) if c.label.casefold() in places]
            self._embed([c for c in wanted if c.id not in self._vectors], engine)
            if self.learned is None or wanted[: len(self.corrections)] != self.corrections:
                self.learned, self.corrections = self._nothing_learned() if wanted else None, []
                self.history = SenderHistory()
            new = wanted[len(self.corrections) :]
            if self.learned is not None and new:
                vectors = np.stack([self._vectors[c.id] for c in new])
                owners = np.array([places[c.label.casefold()] for c in new], np.intp)
                texts = [c.text[:HEAD] for c in new]
                self.learned.add(vectors, owners, self.space.probabilities(vectors, texts))
                self.learned.fit()
            self.history.add(new)
            self.corrections, self._revision = wanted, revision

    def contradictions(self, vector: NDArray[np.float32], label: str) -> list[dict[str, Any]]:
        """Say which corrections and examples of other labels are nearly the same text, the closest first."""
        with self._changing:
            taught = [self._vectors[c.id] for c in self.corrections]
            known: list[tuple[str, int | None]] = [(c.label, c.id) for c in self.corrections]
        known += [(self.labels[owner].name, None) for owner in self.owners]
        if not known:
            return []
        similarity = np.vstack([*taught, *self.examples]) @ vector
        found = [
            {"label": known[place][0], "correction": known[place][1], "similarity": round(float(similarity[place]), 2)}
            for place in np.argsort(-similarity)
            if similarity[place] >= CONTRADICTION and known[place][0].casefold() != label.casefold()
        ]
        return found[:5]

    def _nothing_learned(self) -> Learned:
        learned = Learned(len(self.labels), self.centre)
        if len(self.examples):
            texts = [example for label in self.labels for example in label.examples]
            learned.anchor(self.examples, self.owners, self.space.probabilities(self.examples, texts))
        return learned

    def _embed(self, corrections: Sequence[Correction], engine: Engine) -> None:
        if corrections:
            vectors = engine.embed([c.text[:HEAD] for c in corrections], self.instruction).vectors
            self._vectors |= {c.id: vector for c, vector in zip(corrections, vectors, strict=True)}


def fitted(task: str, labels: tuple[Label, ...], instruction: str, engine: Engine) -> FittedLabels:
    """Return the fitted labels; embedded once for each engine, checkpoint, instruction, task and set of labels."""
    key = (engine.identity(instruction), task, labels)
    with _lock:
        known = _fitted.setdefault(engine, OrderedDict())
        if key in known:
            known.move_to_end(key)
            return known[key]
    descriptions = [described(label) for label in labels]
    examples = [example for label in labels for example in label.examples]
    vectors = embedded([*descriptions, *examples], instruction, engine)
    counts = [len(label.examples) for label in labels]
    texts = [[*label.examples, description] for label, description in zip(labels, descriptions, strict=True)]
    space = LabelSpace.fit(vectors[: len(labels)], np.split(vectors[len(labels) :], np.cumsum(counts)[:-1]), texts)
    owners = np.repeat(np.arange(len(labels)), counts)
    made = FittedLabels(
        labels, instruction, space, vectors[len(labels) :], owners, vectors.mean(axis=0), engine.checkpoint_name
    )
    with _lock:
        known[key] = made
        while len(known) > _KEPT:
            known.popitem(last=False)
    return made


def described(label: Label) -> str:
    """Return the text that stands for a label: its name in words, and its description."""
    words = label.name.replace("_", " ")
    return f"{words}: {label.description}" if label.description else words
