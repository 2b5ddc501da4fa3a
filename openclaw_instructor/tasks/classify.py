"""Kind `classify`: sort one text or e-mail into one label, or into none with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email import Email, from_fields, read
from openclaw_instructor.engine import Priority
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.language import is_short, other_language
from openclaw_instructor.model.known import KNOWN
from openclaw_instructor.registry.kinds.classify import MESSAGE_LIMITS
from openclaw_instructor.tasks.classifier.call_labels import labels_of
from openclaw_instructor.tasks.classifier.evidence import weigh
from openclaw_instructor.tasks.classifier.fitted import HEAD, FittedLabels, fitted
from openclaw_instructor.tasks.classifier.rules import rule_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.engine import Embeddings
    from openclaw_instructor.registry.kinds.classify import ClassifyTask, Label
    from openclaw_instructor.tasks.classifier.corrections import Correction
    from openclaw_instructor.tasks.runners import Resources

_RUNNERS_UP = 3
_LEAST = 1e-6
# In the answer on several messages.
_SUBJECT, _NEARLY_TIED, _LONGEST_OF_SEVERAL = 60, 0.2, 2_000_000


def run(task: ClassifyTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Label a text.

    `score` is the estimated probability of the best label and `margin` its lead over the next. `label` is null, and
    `reason` says why, when the text is empty, is unlike all examples, scores under the task's `abstain_below`, or leads
    by less than its `min_margin`; `runners_up` then start with the best label. `corrections` is how many corrections
    were learned from. Raises InvalidArguments for labels that cannot be used, or when there is no message.
    """
    labels = labels_of(task, arguments.get("labels"))
    if "messages" not in arguments:
        return classify(task, [message_of(task, arguments)], resources, labels)[0]
    if len(arguments) > 1 + ("labels" in arguments):
        raise InvalidArguments(f"{task.name}: give either one message or `messages`, not both")
    messages = [_one_of(task, number, each) for number, each in enumerate(arguments["messages"])]
    return summarised(task, classify(task, messages, resources, labels))


def classify(
    task: ClassifyTask, messages: Sequence[Email], resources: Resources, labels: tuple[Label, ...] | None = None
) -> list[dict[str, Any]]:
    """Label several messages in one pass of the model; the results are those of `run`, in order."""
    return prepare(task, messages, resources, labels).results()


@dataclass(frozen=True)
class Prepared:
    """Messages on their way through the model; `results` waits for it."""

    task: ClassifyTask
    messages: Sequence[Email]
    embeddings: Callable[[], Embeddings] | None
    space: FittedLabels | None
    rules: Sequence[Correction] = ()

    def results(self) -> list[dict[str, Any]]:
        """Return the result of each message, in order."""
        if self.embeddings is None or self.space is None:
            return [_unread(self.task, message) for message in self.messages]
        readable = [message for message in self.messages if _unreadable(message) is None]
        results = iter(_results(self.task, readable, self.embeddings(), self.space, self.rules))
        return [_unread(self.task, message) if _unreadable(message) else next(results) for message in self.messages]

    def shares(self) -> list[dict[str, float]]:
        """Return the probability of every label for each message, in order; {} where there is nothing to read."""
        if self.embeddings is None or self.space is None:
            return [{} for _ in self.messages]
        readable = [message for message in self.messages if _unreadable(message) is None]
        names = [label.name for label in self.space.labels]
        by_text, _ = self.space.judge(self.embeddings().vectors, [message.text[:HEAD] for message in readable])
        found = iter(
            {
                name: round(float(share), 6)
                for name, share in zip(
                    names, _with_evidence(self.task, message, row, names, self.space)[0], strict=True
                )
            }
            for message, row in zip(readable, by_text, strict=True)
        )
        return [{} if _unreadable(message) else next(found) for message in self.messages]


def prepare(
    task: ClassifyTask,
    messages: Sequence[Email],
    resources: Resources,
    labels: tuple[Label, ...] | None = None,
    *,
    bulk: bool = False,
) -> Prepared:
    """Give the texts of messages to the model; `bulk` lets other requests pass, and returns before it is done."""
    texts = [message.text[:HEAD] for message in messages if _unreadable(message) is None]
    if not texts:
        return Prepared(task, messages, None, None)
    engine, corrections = resources.engine, resources.corrections
    space = fitted(task.name, labels or task.fitted_labels, task.instruction("text", engine.checkpoint_name), engine)
    space.follow(task.name, corrections, engine)
    rules = corrections.in_force(task.name, "sender")
    if not bulk:
        embedded = engine.embed(texts, space.instruction)
        return Prepared(task, messages, lambda: embedded, space, rules)
    future = engine.submit(texts, space.instruction, priority=Priority.BULK)
    return Prepared(task, messages, future.result, space, rules)


def summarised(task: ClassifyTask, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the results of several messages as one, each short enough that 50 of them fit into an agent's answer.

    A note stands once, with the places of the messages that it is on.
    """
    short: list[dict[str, Any]] = []
    noted: dict[str, list[str]] = {}
    for index, result in enumerate(results):
        kept = {"index": index, "label": result["label"], "score": result["score"]}
        kept |= {"subject": result["subject"][:_SUBJECT]} if result.get("subject") else {}
        if result["label"] is None:
            kept |= {"reason": result["reason"], "next": [each["label"] for each in result["runners_up"][:2]]}
        elif result["margin"] < _NEARLY_TIED:
            kept["next"] = [each["label"] for each in result["runners_up"][:1]]
        short.append(kept)
        for note in result["notes"]:
            noted.setdefault(note, []).append(str(index))
    labels = Counter(result["label"] for result in results)
    none = labels.pop(None, 0)
    return {
        "results": short,
        "count": len(short),
        "labels": dict(labels.most_common()),
        "unlabelled": none,
        "task": task.name,
        "notes": [f"{', '.join(places)}: {note}" for note, places in noted.items()],
    }


def _results(
    task: ClassifyTask,
    messages: Sequence[Email],
    embedded: Embeddings,
    space: FittedLabels,
    rules: Sequence[Correction],
) -> list[dict[str, Any]]:
    by_text, nearest = space.judge(embedded.vectors, [message.text[:HEAD] for message in messages])
    names = [label.name for label in space.labels]
    is_english_only = _reads_english_only(space.checkpoint)
    results = []
    for row, message in enumerate(messages):
        probabilities, evidence = _with_evidence(task, message, by_text[row], names, space)
        unread = "its text could not be read, and its subject alone says too little" if _lacks_text(message) else None
        result = _ranked(task, space, probabilities, float(nearest[row]), unread)
        truncated = embedded.truncated[row] or len(message.text) > HEAD
        context = _context(task, message, truncated=truncated)
        context["notes"] += _doubts(task, message, english_only=is_english_only)
        if (alone := int(by_text[row].argmax())) != int(probabilities.argmax()):
            context["notes"].append(f"by its text alone it would be {names[alone]} ({by_text[row][alone]:.2f})")
        rule, note = rule_for(message, rules)
        context["notes"] += [note] if note else []
        if rule is not None and rule.label.casefold() in {name.casefold() for name in names}:
            result |= {"label": rule.label, "reason": None}
        said = {"evidence": evidence} if task.input == "email" else {}
        results.append(result | said | {"corrections": len(space.corrections)} | context)
    return results


def _with_evidence(
    task: ClassifyTask, message: Email, by_text: NDArray[np.floating], names: Sequence[str], space: FittedLabels
) -> tuple[NDArray[np.floating], list[dict[str, Any]]]:
    """Return the probabilities of a mail after what speaks for labels beside its text, and that evidence."""
    if task.input != "email" or not task.evidence:
        return by_text, []
    more, evidence = weigh(message, names, task.evidence, space.history)
    if not any(more):
        return by_text, evidence
    odds = np.log(np.maximum(by_text, _LEAST)) + np.array(more)
    powers = np.exp(odds - odds.max())
    return powers / powers.sum(), evidence


def _reads_english_only(checkpoint: str) -> bool:
    return checkpoint in KNOWN and KNOWN[checkpoint].languages == "English"


def _doubts(task: ClassifyTask, message: Email, *, english_only: bool) -> list[str]:
    """Say what makes any label of a text uncertain."""
    language = other_language(message.text) if english_only else ""
    if language:
        return [f"it seems to be in another language than English ({language}), which this checkpoint does not read"]
    if task.input == "email" and not message.subject_only and is_short(message.text):
        return ["there are only a few words: the label rests on little"]
    return []


def _ranked(
    task: ClassifyTask, space: FittedLabels, probabilities: NDArray[np.floating], nearest: float, unread: str | None
) -> dict[str, Any]:
    order = np.argsort(-probabilities, kind="stable")[: _RUNNERS_UP + 1]
    ranked = [{"label": space.labels[i].name, "score": round(float(probabilities[i]), 4)} for i in order]
    best, second = ranked[0], ranked[1]
    reason = unread or _why_abstain(task, best, second, nearest, space.space.floor)
    return {
        "label": None if reason else best["label"],
        "score": best["score"],
        "margin": round(best["score"] - second["score"], 4),
        "reason": reason,
        "runners_up": ranked if reason else ranked[1:],
    }


def _lacks_text(message: Email) -> bool:
    """Whether only the subject could be read of a message that has a text."""
    return message.subject_only and bool(message.unread)


def _unreadable(message: Email) -> str | None:
    """Say why there is nothing to classify; None when there is."""
    if message.text.strip() and not (message.encrypted and not message.body):
        return None
    return "its text is encrypted" if message.encrypted else "there is no text to classify"


def _unread(task: ClassifyTask, message: Email) -> dict[str, Any]:
    ranked: dict[str, Any] = {"label": None, "score": 0.0, "margin": 0.0, "reason": _unreadable(message)}
    said: dict[str, Any] = {"evidence": []} if task.input == "email" else {}
    return ranked | {"runners_up": []} | said | {"corrections": 0} | _context(task, message, truncated=False)


def _why_abstain(
    task: ClassifyTask, best: dict[str, Any], second: dict[str, Any], nearest: float, floor: float
) -> str | None:
    if task.abstain_below > 0 and nearest < floor:
        return f"it is unlike every example of every label (closest: {nearest:.2f}, expected: {floor:.2f} or more)"
    if best["score"] < task.abstain_below:
        return (
            f"the best label, `{best['label']}`, scores {best['score']:.2f}, under the {task.abstain_below:g} asked for"
        )
    if best["score"] - second["score"] < task.min_margin:
        return (
            f"`{best['label']}` ({best['score']:.2f}) and `{second['label']}` ({second['score']:.2f}) "
            "are too close to tell apart"
        )
    return None


def _one_of(task: ClassifyTask, number: int, arguments: Mapping[str, Any]) -> Email:
    for name, value in arguments.items():
        if len(value) > (limit := MESSAGE_LIMITS[name] if name != "raw" else _LONGEST_OF_SEVERAL):
            raise InvalidArguments(
                f"{task.name}: `messages[{number}].{name}` is {len(value):,} characters long and the limit is "
                f"{limit:,}; send it in a call of its own, or only what matters"
            )
    try:
        return message_of(task, arguments)
    except InvalidArguments as error:
        raise InvalidArguments(f"messages[{number}]: {error.message}") from None


def message_of(task: ClassifyTask, arguments: Mapping[str, Any]) -> Email:
    """Read the message that the arguments give. Raises InvalidArguments when there is none."""
    if task.input == "text":
        return Email(body=arguments["text"])
    if "raw" in arguments:
        try:
            return read(arguments["raw"])
        except UnreadableDocument as error:
            raise InvalidArguments(
                f"{task.name}: `raw` is no mail that can be read: {error.reason}; give a message (.eml, .msg, .mbox)"
            ) from error
    if "subject" not in arguments and "body" not in arguments:
        raise InvalidArguments(
            f"{task.name}: there is no message; give `subject` and `body`, or the whole mail as `raw`"
        )
    return from_fields(
        arguments.get("subject", ""), arguments.get("body", ""), arguments.get("from", ""), arguments.get("to", "")
    )


def _context(task: ClassifyTask, message: Email, *, truncated: bool) -> dict[str, Any]:
    notes = list(message.notes)
    if message.subject_only and not message.encrypted:
        notes.append("there is no text but the subject: the label rests on it alone")
    if truncated:
        notes.append("the text is longer than the checkpoint reads; its end was left out")
    context: dict[str, Any] = {"task": task.name, "truncated": truncated}
    if task.input == "email":
        context |= {"subject": message.subject, "from": message.sender, "attachments": message.attachments}
    return context | {"notes": notes}
