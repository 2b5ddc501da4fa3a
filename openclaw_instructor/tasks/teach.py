"""Kind `teach`: keep a message as an example of the label that is right for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.arguments import validate
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.registry.source import suggest
from openclaw_instructor.tasks.classifier.rules import rule_for, sender_pattern, suggestions

if TYPE_CHECKING:
    from openclaw_instructor.registry import Registry
    from openclaw_instructor.registry.kinds.teach import TeachTask
    from openclaw_instructor.tasks.classifier.corrections import Corrections
    from openclaw_instructor.tasks.runners import Resources


def run(task: TeachTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Teach the classify task that the arguments name; see `teach`."""
    message = {name: value for name, value in arguments.items() if name not in ("task", "label")}
    taught = classify_task(resources.registry, arguments["task"])
    return teach(taught, arguments["label"], message, resources, "tool")


def teach(
    task: ClassifyTask, label: str, arguments: Mapping[str, Any], resources: Resources, source: str
) -> dict[str, Any]:
    """Keep a message as an example of a label, with what the classifier said of it before.

    The result says the number of the correction, whether it was `known`, which one it `replaced`, and which
    corrections and examples of other labels are nearly the same text (`contradictions`). Raises InvalidArguments for a
    label that the task does not have and for a message without text.
    """
    from openclaw_instructor.tasks.classifier.corrections import text_digest
    from openclaw_instructor.tasks.classifier.fitted import HEAD, fitted
    from openclaw_instructor.tasks.classify import classify, message_of

    exact = _label(task, label)
    message = message_of(task, validate(task, arguments))
    answer = classify(task, [message], resources)[0]
    text = message.text.strip()[:HEAD]
    if not text or (message.encrypted and not message.body):
        raise InvalidArguments(f"{task.name}: nothing was learned: {answer['reason']}")
    engine, corrections = resources.engine, resources.corrections
    space = fitted(task.name, task.fitted_labels, task.instruction("text", engine.checkpoint_name), engine)
    vector = engine.embed([text], space.instruction).vectors[0]
    earlier = {c.id: c for c in corrections.in_force(task.name)}
    contradictions = [
        each
        for each in space.contradictions(vector, exact)
        # The same text with another label is replaced.
        if each["correction"] not in earlier or text_digest(earlier[each["correction"]].text) != text_digest(text)
    ]
    added = corrections.add(
        task.name,
        exact,
        text,
        sender=message.sender_address,
        answered=answer["label"],
        score=answer["score"],
        source=source,
        conflict=_sentence(contradictions),
    )
    return {
        "task": task.name,
        "label": exact,
        "correction": added.correction.id,
        "known": added.known,
        "replaced": added.replaced.id if added.replaced else None,
        "answered": answer["label"],
        "score": answer["score"],
        "contradictions": contradictions,
        "corrections": len(corrections.in_force(task.name)),
        "notes": _notes(task, message.sender_address, corrections) + _rule_notes(message, exact, task, corrections),
    }


def add_rule(task: ClassifyTask, sender: str, label: str, corrections: Corrections, source: str) -> dict[str, Any]:
    """Let all mail of an address, or of a domain, have a label. Raises InvalidArguments."""
    if task.input != "email":
        raise InvalidArguments(
            f"`{task.name}` takes texts, which have no sender; rules are for tasks with input: email"
        )
    added = corrections.add(task.name, _label(task, label), sender_pattern(sender), what="sender", source=source)
    return added.correction.as_dict() | {
        "known": added.known,
        "replaced": added.replaced.id if added.replaced else None,
    }


def classify_task(registry: Registry, name: str) -> ClassifyTask:
    """Return the classify task of that name. Raises UnknownTask, InvalidArguments for one of another kind."""
    task = registry.get(name)
    if not isinstance(task, ClassifyTask):
        raise InvalidArguments(f"`{name}` is of kind {task.kind}; only tasks of kind classify can be taught")
    return task


def _label(task: ClassifyTask, label: str) -> str:
    known = {each.name.casefold(): each.name for each in task.labels}
    if label.strip().casefold() not in known:
        raise InvalidArguments(f"`{task.name}` has no label `{label[:60]}`; {suggest(label, list(known.values()))}")
    return known[label.strip().casefold()]


def _sentence(contradictions: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"like {'an example' if each['correction'] is None else 'correction ' + str(each['correction'])} of "
        f"`{each['label']}` ({each['similarity']:.2f})"
        for each in contradictions
    )


def _notes(task: ClassifyTask, sender: str, corrections: Corrections) -> list[str]:
    suggested = suggestions(corrections.in_force(task.name), corrections.in_force(task.name, "sender"))
    found = next((each for each in suggested if each["sender"] == sender), None)
    if found is None:
        return []
    return [
        f"all {found['count']} mails of this sender that were taught are {found['label']}; "
        "`tasks corrections rule` makes that a rule"
    ]


def _rule_notes(message: Any, label: str, task: ClassifyTask, corrections: Corrections) -> list[str]:
    rule, _ = rule_for(message, corrections.in_force(task.name, "sender"))
    if rule is None or rule.label == label:
        return []
    return [f"your rule {rule.id} for {rule.text} gives {rule.label} and goes before; undo it if it is wrong"]
