"""Choose in-context examples by similarity, and measure the choice, without or with a language model.

The setting is that of Su et al., "Selective Annotation Makes Language Models Better Few-Shot Learners", ICLR 2023: the
examples of a pool that are nearest to a test input go into its prompt, the nearest last. Their measure is the accuracy
of the language model; without one, it is measured how well the chosen examples suit the test input.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from openclaw_instructor.evaluate.datasets import Row
from openclaw_instructor.evaluate.metrics import Undefined
from openclaw_instructor.evaluate.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Selection:
    """A test input with the examples chosen for it, nearest first."""

    test: Row
    examples: Sequence[Row]

    @property
    def prompt(self) -> str:
        """The examples, the nearest last, and the input without its output."""
        shown = [f"{example['input']}\n{example['output']}" for example in reversed(self.examples)]
        return "\n\n".join([*shown, f"{self.test['input']}\n"])

    @property
    def agreement(self) -> float:
        """The share of the examples whose output is the expected one."""
        return sum(_same(example["output"], self.test["output"]) for example in self.examples) / len(self.examples)

    @property
    def vote(self) -> str:
        """The commonest output of the examples; of equally common ones the one of the nearest example."""
        outputs: list[str] = [example["output"].strip() for example in self.examples]
        return Counter(outputs).most_common(1)[0][0]

    def coverage(self, side: str) -> float:
        """Return the share of the different words of the test's input or output that this side of the examples has."""
        wanted = _words(self.test[side])
        if not wanted:
            return 1.0
        return len(wanted & set().union(*(_words(example[side]) for example in self.examples))) / len(wanted)


def select(pool: Sequence[Row], near: NDArray[np.float32], tests: Sequence[Row], shots: int) -> list[Selection]:
    """Choose `shots` examples for each test by `near` (tests, pool), their similarity; never the input itself."""
    made = []
    for test, similarity in zip(tests, near, strict=True):
        order = (int(index) for index in np.argsort(-similarity, kind="stable"))
        others = (pool[index] for index in order if pool[index]["input"] != test["input"])
        made.append(Selection(test, [example for example, _ in zip(others, range(shots), strict=False)]))
    return [selection for selection in made if selection.examples]


def run(task: Task) -> dict[str, float]:
    """Measure a data set of this kind.

    `label_agreement` and `vote_accuracy` are for outputs that are labels, and absent where no output stands twice in
    the pool; `accuracy`, exact matches, where there is a language model.
    """
    pool, tests = task.dataset.rows("pool"), task.cut(task.dataset.rows("test"))
    if not pool or not tests:
        raise Undefined("its pool or its test is empty")
    vectors = task.embed([row["input"] for row in (*pool, *tests)])
    chosen = select(pool, vectors[len(pool) :] @ vectors[: len(pool)].T, tests, task.shots)
    if not chosen:
        raise Undefined("its pool has only the inputs of the test")
    scores = {
        "coverage": _mean([selection.coverage("input") for selection in chosen]),
        "output_coverage": _mean([selection.coverage("output") for selection in chosen]),
    }
    if len({row["output"] for row in pool}) < len(pool):
        scores["label_agreement"] = _mean([selection.agreement for selection in chosen])
        scores["vote_accuracy"] = _mean([_same(selection.vote, selection.test["output"]) for selection in chosen])
    if task.complete is not None:
        answers = task.complete([selection.prompt for selection in chosen])
        right = [_same(answer, each.test["output"]) for answer, each in zip(answers, chosen, strict=True)]
        scores["accuracy"] = _mean(right)
    return scores


def _same(first: str, second: str) -> bool:
    return first.strip() == second.strip()


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
