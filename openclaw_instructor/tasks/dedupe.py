"""Kind `dedupe`: groups of texts that say nearly the same, one of each to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.kinds.dedupe import Pair
from openclaw_instructor.registry.schema import LONGEST_TEXT
from openclaw_instructor.tasks import doubts
from openclaw_instructor.tasks.texts import Text, embed, read_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.engine import Engine
    from openclaw_instructor.registry.kinds.dedupe import DedupeTask
    from openclaw_instructor.tasks.runners import Resources

# Scores that are held at once.
_BLOCK = 4_000_000


def run(task: DedupeTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Group `texts` that are nearly the same; only groups of two or more come back, the largest first.

    Every duplicate reaches the threshold against the text to `keep`, so that groups do not grow from neighbour to
    neighbour. `exact` ones differ at most in case and blanks; `differs` names numbers and negations that only one of
    the two holds. `threshold_from` is "call", "pairs" or "task". Raises InvalidArguments for pairs of one sort only.
    """
    engine = resources.engine
    instruction = task.instruction("text", engine.checkpoint_name)
    texts, notes = read_texts(arguments["texts"])
    threshold = _threshold(task, arguments, engine, instruction)
    same: dict[str, list[Text]] = {}
    for text in texts:
        same.setdefault(" ".join(text.text.split()).casefold(), []).append(text)
    copies = list(same.values())
    embedded = embed(engine, [alike[0].text for alike in copies], instruction)
    groups = _groups(embedded.vectors, threshold.value, np.array([len(alike) for alike in copies]))
    shown = [_shown([copies[row] for row in rows], scores) for rows, scores in groups]
    shown.sort(key=lambda group: -group["size"])
    extra = sum(group["size"] - 1 for group in shown)
    differing = sum("differs" in each for group in shown for each in group["duplicates"])
    if differing:
        notes.append(f"{differing} duplicate(s) differ in numbers or a negation (`differs`): look before you drop them")
    language = doubts.of_language([text.text for text in texts], engine.checkpoint_name)
    if language:
        notes.append(f"the texts seem to be in another language than English ({language}), not read by this checkpoint")
    return {
        "groups": shown,
        "count": len(shown),
        "duplicates": extra,
        "distinct": len(texts) - extra,
        "threshold": threshold.value,
        "threshold_from": threshold.source,
        **({"pairs": threshold.fit} if threshold.fit else {}),
        "truncated": embedded.truncated,
        "task": task.name,
        "notes": [*notes, *embedded.notes],
    }


@dataclass(frozen=True)
class _Threshold:
    """The lowest score of duplicates, where it is from, and how well it fits the pairs that it was learned from."""

    value: float
    source: str
    fit: dict[str, Any] | None = None


def _threshold(task: DedupeTask, arguments: Mapping[str, Any], engine: Engine, instruction: str) -> _Threshold:
    if "threshold" in arguments and "pairs" in arguments:
        raise InvalidArguments(f"{task.name}: both `threshold` and `pairs` are given; give one of them")
    if "threshold" in arguments:
        return _Threshold(arguments["threshold"], "call")
    pairs = _pairs(task, arguments["pairs"]) if "pairs" in arguments else task.pairs
    if not pairs:
        return _Threshold(task.threshold, "task")
    same = np.array([pair.same for pair in pairs])
    if same.all() or not same.any():
        raise InvalidArguments(
            f"{task.name}: `pairs` are all of one sort; give pairs that are the same and some that are not"
        )
    vectors = embed(engine, [text for pair in pairs for text in (pair.a, pair.b)], instruction).vectors
    scores = np.einsum("ij,ij->i", vectors[::2], vectors[1::2])
    value = learn_threshold(scores, same)
    right = int(((scores >= value) == same).sum())
    return _Threshold(value, "pairs", {"count": len(pairs), "right": right})


def _pairs(task: DedupeTask, given: Sequence[Mapping[str, Any]]) -> list[Pair]:
    pairs = []
    for number, pair in enumerate(given):
        try:
            pairs.append(Pair(a=pair["a"], b=pair["b"], same=pair["same"]))
        except ValidationError:
            raise InvalidArguments(
                f"{task.name}: `pairs[{number}]` has an empty text or one of more than {LONGEST_TEXT:,} characters; "
                "give two short texts"
            ) from None
    return pairs


def learn_threshold(scores: NDArray[np.floating], same: NDArray[np.bool_]) -> float:
    """Return the threshold with the best F1 of pairs that are the same, in the middle of the widest such gap."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(same[order])
    below = np.append(ranked[1:], 2 * ranked[-1] - 1)
    gaps = ranked - below
    f1 = np.where(gaps > 0, 2 * hits / (np.arange(1, len(ranked) + 1) + hits[-1]), 0)
    best = np.flatnonzero(f1 >= f1.max() - 1e-9)
    cut = int(best[np.argmax(gaps[best])])
    return round(float(np.clip((ranked[cut] + below[cut]) / 2, 0, 1)), 4)


def _groups(
    vectors: NDArray[np.float32], threshold: float, weights: NDArray[np.int_]
) -> list[tuple[list[int], list[float]]]:
    """Group rows around those with most neighbours; returns the rows of each group, the kept one first, and scores.

    Rows of weight above 1 form a group also alone.
    """
    near = _neighbours(vectors, threshold)
    rows = np.flatnonzero((near > 0) | (weights > 1))
    # Of rows with as many neighbours, the first.
    rows = rows[np.argsort(-near[rows], kind="stable")]
    members, height = vectors[rows], max(1, _BLOCK // max(1, len(rows)))
    free = np.ones(len(rows), dtype=bool)
    groups = []
    for start in range(0, len(rows), height):
        block = _cosines(members[start : start + height], members)
        for leader, scores in enumerate(block, start):
            if not free[leader]:
                continue
            free[leader] = False
            found = np.flatnonzero(free & (scores >= threshold))
            found = found[np.argsort(-scores[found], kind="stable")]
            free[found] = False
            if found.size or weights[rows[leader]] > 1:
                groups.append(([int(rows[leader]), *rows[found].tolist()], [1.0, *scores[found].tolist()]))
    return groups


def _neighbours(vectors: NDArray[np.float32], threshold: float) -> NDArray[np.int_]:
    """Count the others that reach the threshold, for each row."""
    height = max(1, _BLOCK // max(1, len(vectors)))
    counts = [
        (_cosines(vectors[start : start + height], vectors) >= threshold).sum(axis=1)
        for start in range(0, len(vectors), height)
    ]
    return np.concatenate(counts) - 1 if counts else np.empty(0, dtype=np.int_)


def _cosines(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    cosines: NDArray[np.float64] = np.clip(some @ others.T, -1.0, 1.0).astype(np.float64).round(4)
    return cosines


def _shown(members: Sequence[Sequence[Text]], scores: Sequence[float]) -> dict[str, Any]:
    """Show a group: each member is a text with its exact copies, the one to keep first."""
    keep = members[0][0]
    duplicates = []
    for copies, score in zip(members, scores, strict=True):
        differs = doubts.differences(keep.text, copies[0].text)
        for copy in copies:
            if copy is not keep:
                exact = {"exact": True} if copies is members[0] else {}
                more = {"differs": differs} if differs else {}
                duplicates.append({**copy.named(short=True), "score": score, **exact, **more})
    return {"size": 1 + len(duplicates), "keep": keep.named(short=True), "duplicates": duplicates}
