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

from openclaw_instructor.registry.kinds.classify import Label, texts_of
from openclaw_instructor.tasks.classifier.evidence import SenderHistory
from openclaw_instructor.tasks.classifier.label_space import LabelSpace
from openclaw_instructor.tasks.classifier.label_vectors import embedded
from openclaw_instructor.tasks.classifier.learned import Learned

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.tasks.classifier.corrections import Correction, Corrections

# No checkpoint reads further; a megabyte of text would only be tokenised to be thrown away.
HEAD = 20_000
# Characters of an example that are shown beside what it is near to.
SHOWN = 100
_KEPT = 32
# Labels are fitted anew with their corrections when these have grown by this share; while there are no more points than
# that, at once.
_GROWTH, _AT_ONCE = 0.1, 200
# Texts this close with different labels contradict one another.
CONTRADICTION = 0.9

_Key = tuple[str, str, tuple[Label, ...]]


@dataclass
class _Kept:
    """What is fitted for one engine, the latest last, and the lock of each fit that is under way."""

    labels: OrderedDict[_Key, FittedLabels] = field(default_factory=OrderedDict)
    under_way: dict[_Key, threading.Lock] = field(default_factory=dict)


_fitted: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()
_lock = threading.Lock()


@dataclass
class Told:
    """What the labels themselves say: descriptions (labels, dim), examples (n, dim), and the label of each example."""

    descriptions: NDArray[np.float32]
    examples: NDArray[np.float32]
    owners: NDArray[np.intp]
    texts: list[str]
    described: list[str]

    @property
    def centre(self) -> NDArray[np.float32]:
        """The mean of all that is told."""
        return np.asarray(np.vstack([self.descriptions, self.examples]).mean(axis=0))

    def fit(self, vectors: NDArray[np.float32], owners: NDArray[np.intp], texts: Sequence[str]) -> LabelSpace:
        """Fit the labels to their own examples and to these."""
        everything, whose = np.vstack([self.examples, vectors]), np.concatenate([self.owners, owners])
        written = [*self.texts, *texts]
        groups, words = [], []
        for label, description in enumerate(self.described):
            places = np.flatnonzero(whose == label)
            groups.append(everything[places])
            words.append([*(written[place] for place in places), description])
        return LabelSpace.fit(self.descriptions, groups, words)


@dataclass
class FittedLabels:
    """Labels under one instruction and checkpoint. Thread-safe.

    Corrections are learned at once on top of the fitted labels (`learned`). When there are some more of them, the
    labels are fitted anew with them as further examples: at once while that takes milliseconds, else by a thread.
    """

    labels: tuple[Label, ...]
    instruction: str
    told: Told
    checkpoint: str
    space: LabelSpace = field(init=False)
    learned: Learned | None = None
    corrections: list[Correction] = field(default_factory=list)
    history: SenderHistory = field(default_factory=SenderHistory)
    _own_space: LabelSpace = field(init=False)
    _refitted: int = 0
    _refitting: threading.Thread | None = None
    _revision: int = 0
    _vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    _changing: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.space = self._own_space = self.told.fit(self.told.examples[:0], self.told.owners[:0], [])
        self._places = {label.name.casefold(): place for place, label in enumerate(self.labels)}
        self._places |= {label.name: place for place, label in enumerate(self.labels)}

    def judge(
        self, vectors: NDArray[np.float32], texts: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
        """Return for embeddings (n, dim) the probabilities (n, labels), and the cosine to what is most like each (n,).

        Each row of the probabilities sums to 1.
        """
        with self._changing:
            space, learned = self.space, self.learned
            own, nearest = space.probabilities(vectors, texts), space.nearest(vectors)
            if learned is None:
                return own, nearest
            adjusted, to_taught = learned.adjusted(vectors, own)
        return adjusted, np.maximum(nearest, to_taught)

    def follow(self, task: str, corrections: Corrections, engine: Engine) -> None:
        """Learn what was taught or undone since the last call."""
        revision = corrections.revision()
        with self._changing:
            if revision == self._revision:
                return
            wanted = [c for c in corrections.in_force(task) if self._place(c) is not None]
            self._embed([c for c in wanted if c.id not in self._vectors], engine)
            if self.learned is None or wanted[: len(self.corrections)] != self.corrections:
                self.space, self.corrections, self._refitted = self._own_space, [], 0
                self.learned = self._learned_from([], self.space) if wanted else None
                self.history = SenderHistory()
            new = wanted[len(self.corrections) :]
            if self.learned is not None and new:
                self._teach(self.learned, new, self.space)
                self.learned.fit()
            self.history.add(new)
            self.corrections, self._revision = wanted, revision
            self._refit_if_due()

    def _refit_if_due(self) -> None:
        """Fit the labels anew, corrections included, when there are a tenth more of these than the last time."""
        count = len(self.corrections)
        if count - self._refitted < max(1, _GROWTH * count) or (self._refitting and self._refitting.is_alive()):
            return
        if len(self.told.examples) + count <= _AT_ONCE:
            self._refit(self.corrections)
        else:
            self._refitting = threading.Thread(
                target=self._refit, args=(self.corrections,), name="refitting", daemon=True
            )
            self._refitting.start()

    def _refit(self, corrections: list[Correction]) -> None:
        vectors, owners, texts = self._examples_of(corrections)
        space = self.told.fit(vectors, owners, texts)
        learned = self._learned_from(corrections, space)
        with self._changing:
            if self.corrections[: len(corrections)] != corrections:
                return  # some were taken back meanwhile
            if new := self.corrections[len(corrections) :]:
                self._teach(learned, new, space)
                learned.fit()
            self.space, self.learned, self._refitted = space, learned, len(corrections)

    def _learned_from(self, corrections: list[Correction], space: LabelSpace) -> Learned:
        learned = Learned(len(self.labels), self.told.centre)
        if len(self.told.examples):
            probabilities = space.probabilities(self.told.examples, self.told.texts)
            learned.anchor(self.told.examples, self.told.owners, probabilities)
        if corrections:
            self._teach(learned, corrections, space)
            learned.fit()
        return learned

    def _teach(self, learned: Learned, corrections: Sequence[Correction], space: LabelSpace) -> None:
        vectors, owners, texts = self._examples_of(corrections)
        learned.add(vectors, owners, space.probabilities(vectors, texts))

    def _examples_of(
        self, corrections: Sequence[Correction]
    ) -> tuple[NDArray[np.float32], NDArray[np.intp], list[str]]:
        vectors = np.stack([self._vectors[c.id] for c in corrections])
        owners = np.array([self._place(c) for c in corrections], np.intp)
        return vectors, owners, [c.text[:HEAD] for c in corrections]

    def contradictions(self, vector: NDArray[np.float32], label: str) -> list[dict[str, Any]]:
        """Say which corrections and examples of other labels are nearly the same text, the closest first."""
        with self._changing:
            taught = [self._vectors[c.id] for c in self.corrections]
            known: list[tuple[str, int | None]] = [(c.label, c.id) for c in self.corrections]
        known += [(self.labels[owner].name, None) for owner in self.told.owners]
        if not known:
            return []
        similarity = np.vstack([*taught, *self.told.examples]) @ vector
        found = [
            {"label": known[place][0], "correction": known[place][1], "similarity": round(float(similarity[place]), 2)}
            for place in np.argsort(-similarity)
            if similarity[place] >= CONTRADICTION and known[place][0].casefold() != label.casefold()
        ]
        return found[:5]

    def most_similar(self, vector: NDArray[np.float32], count: int) -> list[dict[str, Any]]:
        """Return the examples and corrections that an embedding (dim,) is nearest to, the closest first."""
        with self._changing:
            told = [
                (self.labels[owner].name, text, None)
                for owner, text in zip(self.told.owners, self.told.texts, strict=True)
            ]
            taught = [(correction.label, correction.text, correction.id) for correction in self.corrections]
            vectors = [self.told.examples, *(self._vectors[correction.id][None] for correction in self.corrections)]
        known = [*told, *taught]
        similarity = np.concatenate([part @ vector for part in vectors])
        return [
            {
                "label": known[place][0],
                "example": " ".join(known[place][1].split())[:SHOWN],
                "correction": known[place][2],
                "similarity": round(float(similarity[place]), 2),
            }
            for place in np.argsort(-similarity)[:count]
        ]

    def _place(self, correction: Correction) -> int | None:
        place = self._places.get(correction.label)
        return self._places.get(correction.label.casefold()) if place is None else place

    def _embed(self, corrections: Sequence[Correction], engine: Engine) -> None:
        if corrections:
            vectors = engine.embed([c.text[:HEAD] for c in corrections], self.instruction).vectors
            self._vectors |= {c.id: vector for c, vector in zip(corrections, vectors, strict=True)}


def fitted(task: str, labels: tuple[Label, ...], instruction: str, engine: Engine) -> FittedLabels:
    """Return the fitted labels; embedded once for each engine, checkpoint, instruction, task and set of labels."""
    key = (engine.identity(instruction), task, labels)
    with _lock:
        kept = _fitted.setdefault(engine, _Kept())
        if key in kept.labels:
            kept.labels.move_to_end(key)
            return kept.labels[key]
        turn = kept.under_way.setdefault(key, threading.Lock())
    # Who asks while the first is fitting waits for it, and does not fit the same again beside it.
    with turn:
        made = kept.labels.get(key) or _fit(labels, instruction, engine)
        with _lock:
            kept.labels[key] = made
            kept.under_way.pop(key, None)
            while len(kept.labels) > _KEPT:
                kept.labels.popitem(last=False)
    return made


def _fit(labels: tuple[Label, ...], instruction: str, engine: Engine) -> FittedLabels:
    texts = texts_of(labels)
    vectors = embedded(texts, instruction, engine)
    owners = np.repeat(np.arange(len(labels)), [len(label.examples) for label in labels])
    count = len(labels)
    told = Told(vectors[:count], vectors[count:], owners, texts[count:], texts[:count])
    return FittedLabels(labels, instruction, told, engine.checkpoint_name)
