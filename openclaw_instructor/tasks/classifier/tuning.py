"""Compare ways to set up a classify task by cross-validation on texts whose labels are known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openclaw_instructor.engine import Priority
from openclaw_instructor.errors import InvalidData
from openclaw_instructor.tasks.classifier.evaluation import Labelled
from openclaw_instructor.tasks.classifier.fitted import HEAD, Told
from openclaw_instructor.tasks.classifier.learned import Learned
from openclaw_instructor.tasks.classifier.measures import Answer, macro_f1, measures

if TYPE_CHECKING:
    from openclaw_instructor.registry.kinds.classify import ClassifyTask
    from openclaw_instructor.reports.page import Page
    from openclaw_instructor.tasks.classifier.sources import Item
    from openclaw_instructor.tasks.runners import Resources

_FOLDS, _REPEATS = 5, 2
_LEAST_TEXTS = 20
_MOST_TEXTS = 5_000
_PATTERNS = (
    "Represent the {what} for classification:",
    "Represent the {what} for classifying its topic:",
    "Represent the {what} for classifying its purpose:",
    "Represent the {what} for classifying its intent:",
)
_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(20))


@dataclass(frozen=True)
class Setup:
    """One way to set up the task: its instruction, whether descriptions are used, whether the data is taught."""

    instruction: str
    descriptions: bool
    taught: bool


@dataclass(frozen=True)
class Tuned:
    """The result of a comparison: the table as JSON, the setup that won, and what would be taught with it.

    `before` and `after` are the measures (`measures.measures`) of the setup in force and of the one that won.
    """

    table: dict[str, Any]
    winner: Setup
    threshold: float
    texts: Sequence[tuple[str, str]]
    before: dict[str, Any]
    after: dict[str, Any]

    def page(self, facts: Mapping[str, str]) -> Page:
        """Return this as a page to write or show; `facts` are what only the caller knows, such as the data's file."""
        from openclaw_instructor.tasks.classifier.pages import tuning_page

        return tuning_page(self.table, (self.before, self.after), facts)

    def _repr_html_(self) -> str:
        """Show the comparison in a notebook, with its curves."""
        from openclaw_instructor.reports import notebook

        return notebook.page(self.page({}))


def tune(
    task: ClassifyTask,
    items: Iterable[Item],
    resources: Resources,
    *,
    instructions: Sequence[str] = (),
    wrong_costs: float = 1.0,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Tuned:
    """Compare instructions, with and without descriptions, and with the data taught or not, then thresholds.

    Each setup is judged on folds of the data that it was not taught, twice, by the text alone. A setup wins over the
    one in force only if it is better by twice the noise of the difference. The threshold is the one with the most
    (right answers - `wrong_costs` * wrong ones). Raises InvalidData for less than 20 usable texts.
    """
    labelled = Labelled(task, items, resources)
    texts = [
        (item.message.text[:HEAD], labelled.label(item))
        for item in itertools.islice(labelled, _MOST_TEXTS)
        if item.message is not None
    ]
    labelled.check(len(texts))
    if len(texts) < _LEAST_TEXTS:
        raise InvalidData(f"{len(texts)} texts are too few to compare anything; give at least {_LEAST_TEXTS}")
    bench = _Bench(task, texts, resources)
    setups = bench.setups(instructions)
    results = []
    for number, setup in enumerate(setups):
        if on_progress is not None:
            on_progress(number, len(setups), setup.instruction)
        results.append(bench.judge(setup))
    now, best = results[0], max(results, key=lambda result: result.mean)
    winner = best if _gain(best, now)[0] > 2 * _gain(best, now)[1] else now
    thresholds = _thresholds(winner.answers, wrong_costs)
    threshold = max(thresholds, key=lambda row: row["gain"])["abstain_below"]
    table = {
        "task": task.name,
        "checkpoint": resources.engine.checkpoint_name,
        "count": len(texts),
        "folds": _FOLDS,
        "repeats": _REPEATS,
        "setups": [_row(result, now, is_winner=result is winner) for result in results],
        "thresholds": thresholds,
        "abstain_below": {"now": task.abstain_below, "best": threshold},
        "left_out": [{"reason": reason, "count": count} for reason, count in labelled.left_out.most_common()],
    }
    return Tuned(table, winner.setup, threshold, texts, measures(now.answers), measures(winner.answers))


@dataclass(frozen=True)
class _Result:
    setup: Setup
    folds: list[float]
    answers: list[Answer]

    @property
    def mean(self) -> float:
        return float(np.mean(self.folds))


class _Bench:
    def __init__(self, task: ClassifyTask, texts: Sequence[tuple[str, str]], resources: Resources) -> None:
        self._task = task
        self._engine = resources.engine
        self._names = [label.name for label in task.labels]
        places = {name: place for place, name in enumerate(self._names)}
        self._texts = [text for text, _ in texts]
        self._owners = np.array([places[label] for _, label in texts], np.intp)
        known = {name.casefold(): place for name, place in places.items()}
        taught = [c for c in resources.corrections.in_force(task.name) if c.label.casefold() in known]
        self._taught_texts = [c.text[:HEAD] for c in taught]
        self._taught = np.array([known[c.label.casefold()] for c in taught], np.intp)
        self._folds = [fold for repeat in range(_REPEATS) for fold in _folds(self._owners, repeat)]

    def setups(self, instructions: Sequence[str]) -> list[Setup]:
        """Return the setups to compare, the one in force first."""
        now = self._task.instruction("text", self._engine.checkpoint_name).strip()
        what = "email" if self._task.input == "email" else "text"
        wanted = dict.fromkeys([now, *instructions, *(pattern.format(what=what) for pattern in _PATTERNS)])
        in_force = self._task.descriptions
        has_descriptions = any(label.description for label in self._task.labels)
        return [
            Setup(instruction, descriptions, taught)
            for instruction in wanted
            for descriptions in ((in_force, not in_force) if has_descriptions else (in_force,))
            for taught in (False, True)
        ]

    def judge(self, setup: Setup) -> _Result:
        """Return the macro-F1 of each fold, and the answers to every text of the first repetition."""
        labels = self._task.labels
        instruction = f"{setup.instruction.strip()} " if setup.instruction.strip() else ""
        descriptions = [each.described if setup.descriptions else each.name.replace("_", " ") for each in labels]
        examples = [example for label in labels for example in label.examples]
        counts = [len(label.examples) for label in labels]
        few = self._embed([*descriptions, *examples, *self._taught_texts], instruction)
        vectors = self._embed(self._texts, instruction)
        own = few[len(labels) : len(labels) + len(examples)]
        owners = np.repeat(np.arange(len(labels)), counts)
        told = Told(few[: len(labels)], own, owners, examples, descriptions)
        space = told.fit(own[:0], owners[:0], [])
        by_text = space.probabilities(vectors, self._texts)
        before = few[len(labels) + len(examples) :]

        def answered(train: NDArray[np.intp], test: NDArray[np.intp]) -> NDArray[np.floating]:
            some = train if setup.taught else train[:0]
            if not len(some) + len(before):
                return by_text[test]
            taught, whose = np.vstack([before, vectors[some]]), np.concatenate([self._taught, self._owners[some]])
            texts = [*self._taught_texts, *(self._texts[place] for place in some)]
            fitted = told.fit(taught, whose, texts)
            learned = Learned(len(labels), told.centre)
            if len(own):
                learned.anchor(own, owners, fitted.probabilities(own, examples))
            learned.add(taught, whose, fitted.probabilities(taught, texts))
            learned.fit()
            tested = fitted.probabilities(vectors[test], [self._texts[place] for place in test])
            return learned.adjusted(vectors[test], tested)[0]

        folds, answers = [], []
        for number, test in enumerate(self._folds):
            train = np.setdiff1d(np.arange(len(self._owners)), test)
            found = self._answers(answered(train, test), test)
            folds.append(macro_f1(found))
            answers += found if number < _FOLDS else []
        return _Result(setup, folds, answers)

    def _answers(self, probabilities: NDArray[np.floating], test: NDArray[np.intp]) -> list[Answer]:
        best = probabilities.argmax(axis=1)
        return [
            Answer(self._names[self._owners[place]], self._names[best[row]], float(probabilities[row, best[row]]), True)
            for row, place in enumerate(test)
        ]

    def _embed(self, texts: Sequence[str], instruction: str) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self._engine.dimension), np.float32)
        return self._engine.embed(list(texts), instruction, priority=Priority.BULK).vectors


def _folds(owners: NDArray[np.intp], repeat: int) -> list[NDArray[np.intp]]:
    """Part the texts into folds with about as many of each label."""
    shuffled = np.random.default_rng(repeat).permutation(len(owners))
    by_label = shuffled[np.argsort(owners[shuffled], kind="stable")]
    return [np.sort(by_label[number::_FOLDS]) for number in range(_FOLDS)]


def _gain(result: _Result, now: _Result) -> tuple[float, float]:
    """Return by how much the macro-F1 is higher than now, and the standard error of that over the folds."""
    differences = np.array(result.folds) - np.array(now.folds)
    return float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(len(differences)))


def _row(result: _Result, now: _Result, *, is_winner: bool) -> dict[str, Any]:
    gain, noise = _gain(result, now)
    right = np.mean([answer.truth == answer.best for answer in result.answers])
    return {
        "instruction": result.setup.instruction,
        "descriptions": result.setup.descriptions,
        "taught": result.setup.taught,
        "macro_f1": result.mean,
        "noise": float(np.std(result.folds, ddof=1) / np.sqrt(len(result.folds))),
        "accuracy": float(right),
        "gain": gain,
        "gain_noise": noise,
        "now": result is now,
        "winner": is_winner,
    }


def _thresholds(answers: Sequence[Answer], wrong_costs: float) -> list[dict[str, Any]]:
    scores = np.array([answer.score for answer in answers])
    right = np.array([answer.truth == answer.best for answer in answers])
    rows = []
    for threshold in _THRESHOLDS:
        some = scores >= threshold
        rows.append(
            {
                "abstain_below": threshold,
                "coverage": float(some.mean()),
                "accuracy": float(right[some].mean()) if some.any() else None,
                "gain": float((right[some].sum() - wrong_costs * (~right[some]).sum()) / len(answers)),
            }
        )
    return rows
