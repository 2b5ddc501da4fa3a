"""Texts on a map: a collection, or the examples of a task, in the plane under one instruction or under two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from openclaw_instructor.engine import Priority
from openclaw_instructor.engine.cancellation import is_cancelled
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.registry.task import render
from openclaw_instructor.tasks import projection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.engine import Engine
    from openclaw_instructor.tasks.runners import Resources

Method: TypeAlias = Literal["pca", "umap"]

MOST_POINTS = 50_000
# Under another instruction than the index's, every text is embedded anew.
MOST_EMBEDDED = 1_000
_STEPS = 65_535
_PER_CALL = 256


@dataclass(frozen=True)
class Texts:
    """The texts of a map with the vectors that are known, and of each what it belongs to and where it stands."""

    vectors: NDArray[np.float32] | None
    instruction: str
    groups: list[str]
    places: list[str]
    texts: list[str]
    total: int


def of_collection(resources: Resources, name: str, most: int, *, with_texts: bool) -> Texts:
    """Take an even sample of a collection. Raises UnknownCollection, InvalidArguments."""
    found = resources.index.sample(name, most, with_texts=with_texts)
    return Texts(found.vectors, found.instruction, found.files, found.places, found.texts, found.total)


def of_task(resources: Resources, task: ClassifyTask) -> Texts:
    """Take the examples and the corrections of a classify task; their groups are the labels."""
    known = [(label.name, example) for label in task.labels for example in label.examples]
    known += [(correction.label, correction.text) for correction in resources.corrections.in_force(task.name)]
    known = known[-MOST_EMBEDDED:]
    labels, texts = [label for label, _ in known], [text for _, text in known]
    instruction = task.instruction("text", resources.engine.checkpoint_name)
    return Texts(None, instruction, labels, [" ".join(text.split())[:100] for text in texts], texts, len(known))


def maps(texts: Texts, instruction: str | None, method: Method, resources: Resources) -> Iterator[dict[str, Any]]:
    """Yield what the points are with their principal components, and then, if asked for, the same by UMAP.

    With an `instruction`, each has a second map under it, turned so that it lies like the first. Coordinates are whole
    numbers from 0 to 65,535. Raises MissingExtra, InvalidArguments.
    """
    if not texts.groups:
        raise InvalidArguments("there is no text to show; sync the collection, or give the labels examples")
    engine = resources.engine
    spaces = [(texts.instruction, texts.vectors if texts.vectors is not None else _embed(engine, texts))]
    if instruction is not None:
        spaces.append((instruction, _embed(engine, texts, render(instruction))))
    groups = list(dict.fromkeys(texts.groups))
    numbers = {group: number for number, group in enumerate(groups)}
    first = [projection.pca(vectors) for _, vectors in spaces]
    yield {
        "groups": groups,
        "group": [numbers[group] for group in texts.groups],
        "places": texts.places,
        "total": texts.total,
        "maps": _described([name for name, _ in spaces], "pca", [places for places, _ in first])
        | {"variance": [round(share, 3) for _, share in first]},
    }
    if method == "umap":
        later = [projection.umap(vectors, is_cancelled) for _, vectors in spaces]
        yield {"maps": _described([name for name, _ in spaces], "umap", later)}


def _embed(engine: Engine, texts: Texts, instruction: str | None = None) -> NDArray[np.float32]:
    steered = texts.instruction if instruction is None else instruction
    batches = [texts.texts[start : start + _PER_CALL] for start in range(0, len(texts.texts), _PER_CALL)]
    found = [engine.embed(batch, steered, role="document", priority=Priority.BULK).vectors for batch in batches]
    return np.concatenate(found)


def _described(names: Sequence[str], method: Method, places: Sequence[NDArray[np.float32]]) -> dict[str, Any]:
    turned = [places[0], *(projection.aligned(each, places[0]) for each in places[1:])]
    return {
        "method": method,
        "instructions": [name.strip() for name in names],
        "x": [_steps(each[:, 0]) for each in turned],
        "y": [_steps(each[:, 1]) for each in turned],
    }


def _steps(values: NDArray[np.float32]) -> list[int]:
    low, high = float(values.min()), float(values.max())
    steps: list[int] = np.round((values - low) / max(high - low, 1e-9) * _STEPS).astype(int).tolist()
    return steps
