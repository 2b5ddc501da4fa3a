"""Measure a classify task on texts whose labels are known, as it answers now."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.tasks.bulk import Classified, classify_items
from openclaw_instructor.tasks.classifier.corrections import text_digest
from openclaw_instructor.tasks.classifier.fitted import HEAD, SHOWN, fitted
from openclaw_instructor.tasks.classifier.measures import Answer, measures
from openclaw_instructor.tasks.classifier.sources import Item

if TYPE_CHECKING:
    from openclaw_instructor.registry.kinds.classify import ClassifyTask
    from openclaw_instructor.reports.page import Page
    from openclaw_instructor.tasks.runners import Resources

_MISTAKES, _NEAREST = 10, 2


class Labelled:
    """The messages of some items with labels of a task; counts what is left out, and why.

    Left out are messages without a label or with one that the task does not have, what cannot be read, and texts that
    are examples or corrections of the task: on these it would only repeat what it was told.
    """

    def __init__(self, task: ClassifyTask, items: Iterable[Item], resources: Resources) -> None:
        self._names = {label.name.casefold(): label.name for label in task.labels}
        self._items = items
        self._told = {text_digest(example) for label in task.labels for example in label.examples}
        self._told |= {text_digest(c.text) for c in resources.corrections.in_force(task.name)}
        self.left_out: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            if reason := self._why_not(item):
                self.left_out[reason] += 1
            else:
                yield item

    def label(self, item: Item) -> str:
        """Return the task's name of the item's label."""
        return self._names[item.label.strip().casefold()]

    def check(self, count: int) -> None:
        """Raise InvalidData if nothing was left to measure."""
        if count == 0:
            why = "; ".join(f"{reason} ({number})" for reason, number in self.left_out.most_common(5))
            known = ", ".join(self._names.values())
            raise InvalidData(f"no text with a label of the task: {why or 'there is no text'}. Labels are {known}")

    def _why_not(self, item: Item) -> str:
        if item.message is None:
            return f"cannot be read: {item.problem}"
        if not item.label.strip():
            return "has no label"
        if item.label.strip().casefold() not in self._names:
            return f"its label `{item.label.strip()[:60]}` is none of the task's"
        if not item.message.text.strip():
            return "has no text"
        return (
            "is an example or a correction of the task" if text_digest(item.message.text[:HEAD]) in self._told else ""
        )


class Evaluation(dict[str, Any]):
    """The measures of a task as JSON; in a notebook they are shown with their curves."""

    def page(self, facts: Mapping[str, str]) -> Page:
        """Return this as a page to write or show; `facts` are what only the caller knows, such as the data's file."""
        from openclaw_instructor.tasks.classifier.pages import evaluation_page

        return evaluation_page(self, facts)

    def _repr_html_(self) -> str:
        from openclaw_instructor.reports import notebook

        return notebook.page(self.page({}))


def evaluate(task: ClassifyTask, items: Iterable[Item], resources: Resources) -> Evaluation:
    """Return the measures of a task on labelled messages, and its worst mistakes with the examples nearest to them.

    Corrections, evidence and rules count, as in any call. Raises InvalidData when there is nothing to measure.
    """
    labelled = Labelled(task, items, resources)
    answers: list[Answer] = []
    worst: list[tuple[float, int, Classified]] = []
    for number, classified in enumerate(classify_items(task, labelled, resources)):
        answer = _answer(classified, labelled.label(classified.item))
        answers.append(answer)
        if answer.best != answer.truth:
            heapq.heappush(worst, (answer.score, -number, classified))
            if len(worst) > _MISTAKES:
                heapq.heappop(worst)
    labelled.check(len(answers))
    mistakes = [each for _, _, each in sorted(worst, key=lambda each: each[:2], reverse=True)]
    checkpoint = resources.engine.checkpoint_name
    return Evaluation(
        {"task": task.name, "checkpoint": checkpoint, "instruction": task.instruction("text", checkpoint).strip()}
        | measures(answers)
        | {
            "mistakes": _explained(task, mistakes, labelled, resources),
            "left_out": [{"reason": reason, "count": count} for reason, count in labelled.left_out.most_common()],
        }
    )


def _answer(classified: Classified, truth: str) -> Answer:
    result = classified.result
    answered = result["label"] is not None
    best = result["label"] if answered else result["runners_up"][0]["label"] if result["runners_up"] else ""
    return Answer(truth, best, result["score"], answered)


def _explained(
    task: ClassifyTask, mistakes: Sequence[Classified], labelled: Labelled, resources: Resources
) -> list[dict[str, Any]]:
    """Return the mistakes with what is nearest to each of all that the task was told."""
    if not mistakes:
        return []
    engine = resources.engine
    space = fitted(task.name, task.fitted_labels, task.instruction("text", engine.checkpoint_name), engine)
    texts = [each.item.message.text[:HEAD] for each in mistakes if each.item.message is not None]
    vectors = engine.embed(texts, space.instruction).vectors
    explained = []
    for row, (classified, text) in enumerate(zip(mistakes, texts, strict=True)):
        answer = _answer(classified, labelled.label(classified.item))
        explained.append(
            {
                "name": classified.item.name,
                "text": " ".join(text.split())[:SHOWN],
                "truth": answer.truth,
                "answered": answer.best,
                "score": answer.score,
                "abstained": not answer.answered,
                "nearest": space.most_similar(vectors[row], _NEAREST),
            }
        )
    return explained
