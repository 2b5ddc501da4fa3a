"""Classify many messages at the rate at which the model embeds them, in memory that does not grow."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_instructor.tasks.classify import Prepared, prepare

if TYPE_CHECKING:
    from openclaw_instructor.registry.kinds.classify import ClassifyTask, Label
    from openclaw_instructor.tasks.classifier.sources import Item
    from openclaw_instructor.tasks.runners import Resources

# A batch is this many messages, or so many characters of them.
_BATCH, _CHARACTERS = 256, 1_000_000
# Batches that are read, and batches that wait for the model, while another is finished.
_READ_AHEAD, _IN_MODEL = 2, 2


@dataclass(frozen=True)
class Classified:
    """A message with its result, which has `label` null and a `reason` when it cannot be read."""

    item: Item
    result: dict[str, Any]


def classify_items(
    task: ClassifyTask,
    items: Iterable[Item],
    resources: Resources,
    labels: tuple[Label, ...] | None = None,
    *,
    skip: Collection[str] = (),
) -> Iterator[Classified]:
    """Yield the result of each message, in order, but for those whose names are in `skip`.

    Reading, embedding and what is done with the results go on side by side.
    """
    waiting: deque[tuple[list[Item], Prepared]] = deque()
    for batch in _read_ahead(_batches(item for item in items if item.name not in skip)):
        messages = [item.message for item in batch if item.message is not None]
        waiting.append((batch, prepare(task, messages, resources, labels, bulk=True)))
        if len(waiting) > _IN_MODEL:
            yield from _finished(task, *waiting.popleft())
    while waiting:
        yield from _finished(task, *waiting.popleft())


def _finished(task: ClassifyTask, batch: list[Item], prepared: Prepared) -> Iterator[Classified]:
    results = iter(prepared.results())
    for item in batch:
        if item.message is None:
            yield Classified(item, {"label": None, "score": 0.0, "margin": 0.0, "reason": item.problem, "notes": []})
        else:
            yield Classified(item, next(results))


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    characters = 0
    for item in items:
        batch.append(item)
        characters += len(item.message.text) if item.message is not None else 0
        if len(batch) >= _BATCH or characters >= _CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _read_ahead(batches: Iterator[list[Item]]) -> Iterator[list[Item]]:
    """Read in a thread of its own, a few batches ahead; what it raises is raised here."""
    ready: queue.Queue[list[Item] | BaseException | None] = queue.Queue(_READ_AHEAD)
    abandoned = threading.Event()

    def put(value: list[Item] | BaseException | None) -> bool:
        while not abandoned.is_set():
            try:
                ready.put(value, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for batch in batches:
                if not put(batch):
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="reading", daemon=True)
    thread.start()
    try:
        while (found := ready.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        abandoned.set()
        thread.join()
