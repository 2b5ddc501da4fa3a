"""Kind `classify`: sort one text or e-mail into one label, or into none with a reason."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email import Email, from_fields, read
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.kinds.classify import Label
from openclaw_instructor.registry.task import DESCRIPTION_LIMIT
from openclaw_instructor.tasks.classifier.label_space import LabelSpace

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.registry.kinds.classify import ClassifyTask
    from openclaw_instructor.tasks.runners import Resources

_RUNNERS_UP = 3
# No checkpoint reads more; tokenizing a megabyte of text would be wasted.
_HEAD = 20_000
_SPACES_KEPT = 32

_spaces: WeakKeyDictionary[Engine, OrderedDict[tuple[str, tuple[Label, ...]], LabelSpace]] = WeakKeyDictionary()
_lock = threading.Lock()


def run(task: ClassifyTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Label a text.

    `score` is the estimated probability of the best label and `margin` its lead over the next. `label` is null, and
    `reason` says why, when the text is empty, is unlike all examples, scores under the task's `abstain_below`, or leads
    by less than its `min_margin`; `runners_up` then start with the best label. Raises InvalidArguments for labels that
    cannot be used, or when there is no message.
    """
    engine = resources.engine
    labels = _labels(task, arguments.get("labels"))
    message = _message(task, arguments)
    result: dict[str, Any] = {"label": None, "score": 0.0, "margin": 0.0, "reason": None, "runners_up": []}
    text = message.text
    if not text.strip() or (message.encrypted and not message.body):
        result["reason"] = "its text is encrypted" if message.encrypted else "there is no text to classify"
        return result | _context(task, message, truncated=False)
    instruction = task.instruction("text", engine.checkpoint_name)
    space = _space(labels, instruction, engine)
    embedded = engine.embed([text[:_HEAD]], instruction)
    probabilities = space.probabilities(embedded.vectors)[0]
    order = np.argsort(-probabilities, kind="stable")
    ranked = [{"label": labels[i].name, "score": round(float(probabilities[i]), 4)} for i in order]
    best, second = ranked[0], ranked[1]
    result["score"], result["margin"] = best["score"], round(best["score"] - second["score"], 4)
    nearest = float(space.nearest(embedded.vectors)[0])
    result["reason"] = _why_abstain(task, best, second, nearest, space.floor)
    result["label"] = None if result["reason"] else best["label"]
    result["runners_up"] = ranked[: _RUNNERS_UP + 1] if result["reason"] else ranked[1 : _RUNNERS_UP + 1]
    return result | _context(task, message, truncated=embedded.truncated[0] or len(text) > _HEAD)


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


def _message(task: ClassifyTask, arguments: Mapping[str, Any]) -> Email:
    if task.input == "text":
        return Email(body=arguments["text"])
    if "raw" in arguments:
        try:
            return read(arguments["raw"])
        except UnreadableDocument as error:
            raise InvalidArguments(
                f"{task.name}: `raw` is {error.reason}; give a message (.eml, .msg, .mbox)"
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
    if message.subject_only:
        notes.append("there is no text but the subject: the label rests on it alone")
    if truncated:
        notes.append("the text is longer than the checkpoint reads; its end was left out")
    context: dict[str, Any] = {"task": task.name, "truncated": truncated}
    if task.input == "email":
        context |= {"subject": message.subject, "from": message.sender, "attachments": message.attachments}
    return context | {"notes": notes}


def _labels(task: ClassifyTask, given: list[str] | None) -> tuple[Label, ...]:
    """Return the task's labels, or those of this call; a name the task knows keeps its description and examples."""
    if given is None:
        return task.labels
    known = {label.name.casefold(): label for label in task.labels}
    labels: dict[str, Label] = {}
    for entry in given:
        name, description = _name_and_description(entry, known)
        key = name.casefold()
        if not name or len(name) > 60:
            raise InvalidArguments(f"{task.name}: `labels` holds {entry[:80]!r}; write `name` or `name: description`")
        if len(description) > DESCRIPTION_LIMIT:
            raise InvalidArguments(
                f"{task.name}: `labels` describes `{name}` in {len(description)} characters and the limit is "
                f"{DESCRIPTION_LIMIT}; shorten it"
            )
        if key in labels:
            raise InvalidArguments(f"{task.name}: `labels` lists `{name}` twice; name each one once")
        labels[key] = known[key] if key in known and not description else Label(name=name, description=description)
    return tuple(labels.values())


def _name_and_description(entry: str, known: Collection[str]) -> tuple[str, str]:
    """Split at the first colon before a space, unless that is within a name that the task knows."""
    entry = entry.strip()
    folded = entry.casefold()
    if folded in known:
        return entry, ""
    begun = max((name for name in known if folded.startswith(f"{name}: ")), key=len, default="")
    *name, description = entry.split(": ", begun.count(": ") + 1) if ": " in entry else (entry, "")
    return ": ".join(name).strip(), description.strip()


def _space(labels: tuple[Label, ...], instruction: str, engine: Engine) -> LabelSpace:
    """Return the fitted labels; embedded once for each engine, checkpoint, instruction and set of labels."""
    key = (engine.identity(instruction), labels)
    with _lock:
        spaces = _spaces.setdefault(engine, OrderedDict())
        if key in spaces:
            spaces.move_to_end(key)
            return spaces[key]
    descriptions = [described(label) for label in labels]
    examples = [example for label in labels for example in label.examples]
    vectors = engine.embed([*descriptions, *examples], instruction).vectors
    ends = np.cumsum([len(label.examples) for label in labels])[:-1]
    space = LabelSpace.fit(vectors[: len(labels)], np.split(vectors[len(labels) :], ends))
    with _lock:
        spaces[key] = space
        while len(spaces) > _SPACES_KEPT:
            spaces.popitem(last=False)
    return space


def described(label: Label) -> str:
    """Return the text that stands for a label: its name in words, and its description."""
    words = label.name.replace("_", " ")
    return f"{words}: {label.description}" if label.description else words
