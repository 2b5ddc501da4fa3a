"""Texts with facets, and instructions that ask for one: what teaches a student to follow its instruction.

Most come from small grammars in `facets.yaml` and have two facets; labelled sets have one. A batch shows texts under
one facet's instruction; texts that agree in that facet belong together (supervised contrastive loss, Khosla et al.,
2020), whatever the other facet says.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812


@dataclass(frozen=True)
class FacetTexts:
    """Texts of one source, and for each of its facets a label per text."""

    texts: list[str]
    labels: dict[str, list[str]]


def facet_texts(each: int, seed: int = 0) -> list[FacetTexts]:
    """`each` texts of every grammar, no two alike."""
    draw, content = random.Random(seed), _content()
    return [_generate(grammar, content["words"], each, draw) for grammar in content["grammars"].values()]


def facet_instructions() -> dict[str, list[str]]:
    """For each facet the instructions that ask for it."""
    content = _content()
    return {
        facet: [f"Represent the {kind} for {purpose}: " for kind in content["kinds"] for purpose in purposes]
        for facet, purposes in content["asked"].items()
    }


def agreement_loss(vectors: torch.Tensor, labels: Sequence[str], temperature: float) -> torch.Tensor:
    """Supervised contrastive loss of L2-normalised vectors (n, dimension): each text must find those of its label."""
    number = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    numbers = torch.tensor([number[label] for label in labels], device=vectors.device)
    itself = torch.eye(len(labels), dtype=torch.bool, device=vectors.device)
    friends = (numbers[:, None] == numbers[None, :]) & ~itself
    logits = (vectors @ vectors.T / temperature).masked_fill(itself, -1e4)
    chances = F.log_softmax(logits, dim=1)
    counted = friends.sum(dim=1)
    return -((chances * friends).sum(dim=1) / counted.clamp(min=1))[counted > 0].mean()


def _generate(
    grammar: Mapping[str, Any], words: Mapping[str, list[str]], count: int, draw: random.Random
) -> FacetTexts:
    found: dict[str, tuple[str, str]] = {}
    first, second = list(grammar["patterns"]), list(grammar["topics"])
    while len(found) < count:
        one, two = draw.choice(first), draw.choice(second)
        filled = {name: draw.choice(choices) for name, choices in words.items()}
        text = draw.choice(grammar["patterns"][one]).format(n=draw.choice(grammar["topics"][two]), **filled)
        found[text] = (one, two)
    columns = {grammar["first"]: [a for a, _ in found.values()], grammar["second"]: [b for _, b in found.values()]}
    return FacetTexts(list(found), columns)


def _content() -> dict[str, Any]:
    import yaml

    content: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("facets.yaml").read_text(encoding="utf-8"))
    return content
