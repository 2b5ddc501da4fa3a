"""Texts on a map: a collection, or the examples of a task, in the plane under one instruction or under two."""

from __future__ import annotations

import base64
from collections.abc import Generator, Iterator, Sequence
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
_STEPS = 65_535
PER_CALL = 128


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
    known = known[-MOST_POINTS:]
    labels, texts = [label for label, _ in known], [text for _, text in known]
    instruction = task.instruction("text", resources.engine.checkpoint_name)
    return Texts(None, instruction, labels, [" ".join(text.split())[:100] for text in texts], texts, len(known))


def maps(texts: Texts, instruction: str | None, method: Method, resources: Resources) -> Iterator[dict[str, Any]]:
    """Yield what the points are, then the principal components, and then, if asked for, the same by UMAP.

    The first line has the `count`, the `groups` and of each point its `group` and its place. A line with `map` has the
    coordinates under the instruction of that number: whole numbers from 0 to 65,535, in base64 of 16 bits each,
    little-endian. With an `instruction` there is a second map, whose texts are embedded
    meanwhile, which lines with `progress` count; it is turned so that it lies like the first. Raises MissingExtra,
    InvalidArguments.
    """
    if not texts.groups:
        raise InvalidArguments("there is no text to show; sync the collection, or give the labels examples")
    names = [texts.instruction, *([] if instruction is None else [render(instruction)])]
    groups = list(dict.fromkeys(texts.groups))
    numbers = {group: number for number, group in enumerate(groups)}
    yield {
        "groups": groups,
        "group": [numbers[group] for group in texts.groups],
        "places": texts.places,
        "count": len(texts.groups),
        "total": texts.total,
        "instructions": [name.strip() for name in names],
    }
    spaces: list[NDArray[np.float32]] = []
    first: NDArray[np.float32] | None = None
    for number, name in enumerate(names):
        known = texts.vectors if number == 0 else None
        spaces.append(
            known if known is not None else (yield from _embedded(resources.engine, texts.texts, name, number))
        )
        places, share = projection.pca(spaces[number])
        first = places if first is None else first
        yield _map(number, "pca", places, first) | {"variance": round(share, 3)}
    if method == "umap":
        yield from _by_umap(spaces)


def _by_umap(spaces: Sequence[NDArray[np.float32]]) -> Iterator[dict[str, Any]]:
    first: NDArray[np.float32] | None = None
    for number, vectors in enumerate(spaces):
        yield {"progress": [0, 0], "of": number, "what": "UMAP"}
        places = projection.umap(vectors, is_cancelled)
        first = places if first is None else first
        yield _map(number, "umap", places, first)


def _embedded(
    engine: Engine, texts: Sequence[str], instruction: str, number: int
) -> Generator[dict[str, Any], None, NDArray[np.float32]]:
    """Embed texts, a few at a time, so that others get in between, and so that what is cancelled stays in the cache."""
    vectors = np.empty((len(texts), engine.dimension), np.float32)
    for start in range(0, len(texts), PER_CALL):
        yield {"progress": [start, len(texts)], "of": number, "what": "embedding"}
        batch = texts[start : start + PER_CALL]
        found = engine.embed(batch, instruction, role="document", priority=Priority.BULK)
        vectors[start : start + len(batch)] = found.vectors
    return vectors


def _map(number: int, method: Method, places: NDArray[np.float32], first: NDArray[np.float32]) -> dict[str, Any]:
    turned = places if places is first else projection.aligned(places, first)
    return {"map": number, "method": method, "x": _steps(turned[:, 0]), "y": _steps(turned[:, 1])}


def _steps(values: NDArray[np.float32]) -> str:
    low, high = float(values.min()), float(values.max())
    steps = np.round((values - low) / max(high - low, 1e-9) * _STEPS).astype("<u2")
    return base64.b64encode(steps.tobytes()).decode()
