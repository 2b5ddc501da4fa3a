"""A file of mail or texts as an inbox: each message with its label, what speaks for it, and the nearest examples."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor.tasks.bulk import Classified, classify_items
from openclaw_instructor.tasks.classifier import sources
from openclaw_instructor.tasks.classifier.fitted import HEAD, fitted

if TYPE_CHECKING:
    from openclaw_instructor.registry.kinds.classify import ClassifyTask
    from openclaw_instructor.tasks.runners import Resources

MOST_MESSAGES = 2_000
_NEAREST = 3


def read(task: ClassifyTask, path: Path, resources: Resources) -> Iterator[dict[str, Any]]:
    """Yield the messages of a file in its order, at most MOST_MESSAGES, and last what was left out.

    Each has its `place` in the file, the `result` as the task gives it, the `message` as the task takes it again, to
    teach it, and the `nearest` examples. Raises InvalidData for a table without a usable column.
    """
    items = sources.items([path], is_mail=task.input == "email")
    count = 0
    for classified in classify_items(task, islice(items, MOST_MESSAGES), resources):
        yield _shown(task, classified, resources, count)
        count += 1
    more = next(items, None) is not None
    yield {"count": count, "left_out": f"only the first {MOST_MESSAGES:,} messages are shown" if more else ""}


def _shown(task: ClassifyTask, classified: Classified, resources: Resources, place: int) -> dict[str, Any]:
    message = classified.item.message
    if message is None:
        return {"place": place, "result": classified.result, "message": {}, "nearest": []}
    text = message.text[:HEAD]
    given = {"subject": message.subject, "from": message.sender, "body": message.body[:HEAD]}
    return {
        "place": place,
        "result": classified.result,
        "date": message.iso_date,
        "message": given if task.input == "email" else {"text": text},
        "nearest": _nearest(task, text, resources),
    }


def _nearest(task: ClassifyTask, text: str, resources: Resources) -> list[dict[str, Any]]:
    """Return the nearest examples; the embedding of the text is in the cache, since it was just classified."""
    if not text.strip():
        return []
    engine = resources.engine
    space = fitted(task.name, task.fitted_labels, task.instruction("text", engine.checkpoint_name), engine)
    return space.most_similar(engine.embed([text], space.instruction).vectors[0], _NEAREST)
