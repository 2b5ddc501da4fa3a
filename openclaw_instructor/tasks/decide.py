"""Typed decisions about one piece of evidence: a choice, a score, or a yes or no, by described criteria.

The questions and answers are those of OpenClaw's decision models. Criteria are labels of the classifier's zero-shot
head; where the labels of a choice are those of a task of the registry, that task answers, with its examples, the
owner's corrections and rules, its calibration, and its reasons to abstain. The `instructions` of a question are not
judged by: what tells its alternatives apart has to stand in the criteria.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor.documents.email import Email, from_fields
from openclaw_instructor.errors import UnsupportedInput
from openclaw_instructor.registry.kinds.classify import ClassifyTask, Label
from openclaw_instructor.tasks.classifier.fitted import HEAD, fitted
from openclaw_instructor.tasks.classify import prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.tasks.runners import Resources

MOST_QUESTIONS, MOST_LABELS = 64, 100
# Of some tried on the sets of benchmarks/decisions.py, the one under which criteria are told apart best. With the words
# of the question in it, or before the evidence, they are told apart worse.
INSTRUCTION = "Represent the sentence for classifying its sentiment and kind: "
# Criteria that are known to be read whole, by the model and instruction.
_whole: set[tuple[str, tuple[Label, ...]]] = set()
_MOST_KNOWN = 1_000
_FIELDS = ("subject", "body", "from", "to")


def decide(state: Any, questions: Mapping[str, Mapping[str, Any]], resources: Resources) -> dict[str, Any]:
    """Answer every question about `state`, which is text, or JSON that is read as text.

    Returns `model`, `answers` by question, and `usage`. Raises UnsupportedInput, for all of it, where a text is longer
    than the checkpoint reads, where there is nothing to judge, and for questions of a form that is not answered.
    """
    if not 1 <= len(questions) <= MOST_QUESTIONS:
        raise UnsupportedInput(f"{len(questions)} questions at once; ask 1 to {MOST_QUESTIONS}")
    evidence = evidence_of(state)
    if not evidence.strip():
        raise UnsupportedInput("there is no evidence; give a text, or an object with texts, as `state`")
    judge = _Judge(state, evidence, resources)
    answers = {name: judge.answer(name, question) for name, question in questions.items()}
    model = resources.engine.checkpoint_name
    return {"model": model, "answers": answers, "usage": {"inputTokens": judge.tokens}}


def evidence_of(entry: Any) -> str:
    """Write an entry of a batch as the text that is judged: names and values, a line each."""
    if entry is None:
        return ""
    if isinstance(entry, str):
        return entry
    if isinstance(entry, Mapping):
        return "\n".join(f"{name}: {evidence_of(value)}" for name, value in entry.items() if value not in (None, ""))
    if isinstance(entry, Sequence):
        return "\n".join(evidence_of(value) for value in entry)
    return json.dumps(entry)


class _Judge:
    def __init__(self, state: Any, evidence: str, resources: Resources) -> None:
        self._state = state
        self._evidence = evidence
        self._resources = resources
        self.tokens = 0

    def answer(self, name: str, question: Mapping[str, Any]) -> dict[str, Any]:
        kind, criteria = question.get("type"), question.get("criteria")
        if kind == "choice" and isinstance(criteria, Mapping):
            return self._choice(name, criteria)
        if kind == "score" and isinstance(criteria, Sequence) and not isinstance(criteria, str):
            return self._score(name, criteria)
        if kind == "boolean":
            return self._boolean(name, criteria if isinstance(criteria, Mapping) else {})
        raise UnsupportedInput(
            f"question `{name}`: a choice, score or boolean with `criteria` is answered, nothing else"
        )

    def _choice(self, name: str, criteria: Mapping[str, Any]) -> dict[str, Any]:
        if task := self._task_for(criteria):
            return self._by_task(task, list(criteria))
        labels = [(label, evidence_of(entry)) for label, entry in criteria.items()]
        probabilities = self._probabilities(name, labels)
        shares = {label: share for (label, _), share in zip(labels, probabilities, strict=True)}
        return {"type": "choice", "choice": max(shares, key=shares.__getitem__), "probabilities": shares}

    def _score(self, name: str, criteria: Sequence[Any]) -> dict[str, Any]:
        levels = [("", evidence_of(entry)) for entry in criteria]
        probabilities = self._probabilities(name, levels)
        score = sum(place * share for place, share in enumerate(probabilities))
        return {"type": "score", "score": round(min(score, len(levels) - 1), 4), "probabilities": probabilities}

    def _boolean(self, name: str, criteria: Mapping[str, Any]) -> dict[str, Any]:
        both = [("", evidence_of(criteria.get(side))) for side in ("true", "false")]
        if not all(text.strip() for _, text in both):
            raise UnsupportedInput(f"question `{name}`: describe both `true` and `false`; one side alone is not judged")
        return {"type": "boolean", "probabilityTrue": self._probabilities(name, both)[0]}

    def _probabilities(self, name: str, labels: Sequence[tuple[str, str]]) -> list[float]:
        """Return the share of each label, given as name and description, for the evidence."""
        if not 2 <= len(labels) <= MOST_LABELS:
            raise UnsupportedInput(f"question `{name}`: {len(labels)} alternatives; give 2 to {MOST_LABELS}")
        engine = self._resources.engine
        # Made without checks: the criteria of a caller may be longer than those of a registry.
        made = tuple(
            Label.model_construct(name=label or text, description=text if label else "") for label, text in labels
        )
        self._check_criteria(name, made)
        embedded = engine.embed([self._evidence], INSTRUCTION)
        if embedded.truncated[0]:
            raise UnsupportedInput(f"the evidence is longer than {engine.checkpoint_name} reads; shorten it")
        self.tokens += embedded.tokens[0]
        space = fitted("", made, INSTRUCTION, engine)
        shares, _ = space.judge(embedded.vectors, [self._evidence])
        return _rounded(shares[0])

    def _check_criteria(self, name: str, labels: tuple[Label, ...]) -> None:
        """Refuse criteria that are longer than the checkpoint reads; those of a caller who asks again are known."""
        engine = self._resources.engine
        key = (engine.identity(INSTRUCTION), labels)
        if key in _whole:
            return
        embedded = engine.embed([label.described for label in labels], INSTRUCTION)
        if True in embedded.truncated:
            place = embedded.truncated.index(True) + 1
            what = f"criterion {place} is longer than {engine.checkpoint_name} reads"
            raise UnsupportedInput(f"question `{name}`: {what}; shorten it")
        if len(_whole) >= _MOST_KNOWN:
            _whole.clear()
        _whole.add(key)

    def _task_for(self, criteria: Mapping[str, Any]) -> ClassifyTask | None:
        """Return the task whose labels these are; None where there is none."""
        asked = {label.casefold() for label in criteria}
        for task in self._resources.registry.tasks.values():
            if isinstance(task, ClassifyTask) and {label.name.casefold() for label in task.labels} == asked:
                return task
        return None

    def _by_task(self, task: ClassifyTask, labels: Sequence[str]) -> dict[str, Any]:
        message = self._message(task)
        if len(message.text) > HEAD:
            raise UnsupportedInput(f"the evidence is longer than {HEAD:,} characters; shorten it")
        prepared = prepare(task, [message], self._resources)
        [result] = prepared.results()
        if result["truncated"]:
            raise UnsupportedInput("the evidence is longer than the checkpoint reads; shorten it")
        [shares] = prepared.shares()
        if prepared.embeddings is not None:
            self.tokens += sum(prepared.embeddings().tokens)
        as_asked = {label.casefold(): label for label in labels}
        probabilities = {as_asked[name.casefold()]: share for name, share in shares.items()}
        best = max(probabilities, key=probabilities.__getitem__)
        chosen = as_asked[result["label"].casefold()] if result["label"] else best
        said = {"abstained": result["reason"]} if result["reason"] else {}
        return {"type": "choice", "choice": chosen, "probabilities": probabilities, "task": task.name, **said}

    def _message(self, task: ClassifyTask) -> Email:
        state = self._state
        if task.input == "email" and isinstance(state, Mapping) and ("subject" in state or "body" in state):
            subject, body, sender, to = (evidence_of(state.get(name)) for name in _FIELDS)
            return from_fields(subject, body, sender, to)
        return from_fields("", self._evidence) if task.input == "email" else Email(body=self._evidence)


def _rounded(shares: NDArray[np.float64]) -> list[float]:
    return [round(float(share), 6) for share in shares]
