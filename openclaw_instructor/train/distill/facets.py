"""Generate texts with facets and instructions that ask for one, to teach a student to follow its instruction.

Most come from small grammars in `facets.yaml` and have two facets; labelled sets have one. Under the instruction of a
facet the student is to give the teacher's vector, moved: towards where the texts of its label lie, and away from where
those of its other facets' labels do. All else that the teacher knows of the text stays in the vector, so that an
instruction helps with labels no grammar has.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OTHERS = 0.5  # of the other facets' deviation is taken out


@dataclass(frozen=True)
class FacetTexts:
    """Texts of one source, and for each of its facets a label per text."""

    texts: list[str]
    labels: dict[str, list[str]]


def facet_texts(each: int, seed: int = 0) -> list[FacetTexts]:
    """Generate `each` texts of every grammar, no two alike."""
    draw, content = random.Random(seed), _content()
    return [_generate(grammar, content["words"], each, draw) for grammar in content["grammars"].values()]


def facet_instructions() -> dict[str, list[str]]:
    """Return for each facet the instructions that ask for it."""
    content = _content()
    return {
        facet: [f"Represent the {kind} for {purpose}: " for kind in content["kinds"] for purpose in purposes]
        for facet, purposes in content["asked"].items()
    }


def facet_targets(vectors: NDArray[Any], labels: Mapping[str, Sequence[str]]) -> dict[str, NDArray[np.float32]]:
    """Compute for each facet the target vectors when it is asked for, L2-normalised (n, dimension).

    `vectors` (n, dimension) are the teacher's. How far a facet moves them is its `strength` in `facets.yaml`: the mean
    length of the step towards a label, of vectors of length one.
    """
    teacher, strengths = vectors.astype(np.float32), _content()["strength"]
    deviations = {facet: _deviation(teacher, column) for facet, column in labels.items()}
    targets = {}
    for facet, own in deviations.items():
        step = own / np.linalg.norm(own, axis=1).mean()
        others = sum((each for name, each in deviations.items() if name != facet), start=np.zeros_like(own))
        moved = teacher + strengths[facet] * step - OTHERS * others
        targets[facet] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return targets


def _deviation(vectors: NDArray[np.float32], labels: Sequence[str]) -> NDArray[np.float32]:
    """Compute for each text the mean vector of its label's texts minus that of all."""
    _, number = np.unique(np.asarray(labels), return_inverse=True)
    means = np.stack([vectors[number == label].mean(axis=0) for label in range(number.max() + 1)])
    deviation: NDArray[np.float32] = means[number] - vectors.mean(axis=0)
    return deviation


def _generate(
    grammar: Mapping[str, Any], words: Mapping[str, list[str]], count: int, draw: random.Random
) -> FacetTexts:
    found: dict[str, tuple[str, str]] = {}
    first, second = list(grammar["patterns"]), list(grammar["topics"])
    openings = grammar.get("openings", [""])
    while len(found) < count:
        one, two = draw.choice(first), draw.choice(second)
        filled = {name: draw.choice(choices) for name, choices in words.items()}
        text = draw.choice(grammar["patterns"][one]).format(n=draw.choice(grammar["topics"][two]), **filled)
        text = f"{draw.choice(openings)} {text}"
        found[" ".join(text.split())] = (one, two)
    columns = {grammar["first"]: [a for a, _ in found.values()], grammar["second"]: [b for _, b in found.values()]}
    return FacetTexts(list(found), columns)


@cache
def _content() -> dict[str, Any]:
    import yaml

    content: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("facets.yaml").read_text(encoding="utf-8"))
    return content
