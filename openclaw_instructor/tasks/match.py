"""Kind `match`: rank candidates by how close in meaning they are to a query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from openclaw_instructor.registry.kinds.match import MatchTask
    from openclaw_instructor.tasks.runners import Resources


def run(task: MatchTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Rank `candidates` against `query`; both are embedded under the task's one instruction.

    A score is the cosine of the two embeddings: 1 for the same text, around 0 for unrelated ones with the bundled
    checkpoint. `index` is the position in `candidates`, so duplicates stay apart; equal scores keep their order.
    `best` is the first match, or null when nothing reaches `threshold`; `notes` then name the closest.
    """
    engine = resources.engine
    candidates: list[str] = list(arguments["candidates"])
    top_k, threshold = (arguments.get(name, getattr(task, name)) for name in ("top_k", "threshold"))
    usable = [index for index, text in enumerate(candidates) if text.strip()]
    distinct = list(dict.fromkeys(candidates[index] for index in usable))
    embedded = engine.embed([arguments["query"], *distinct], task.instruction("text", engine.checkpoint_name))
    cosines = np.clip(embedded.vectors[1:] @ embedded.vectors[0], -1.0, 1.0)
    score_of = {text: round(float(score), 4) for text, score in zip(distinct, cosines, strict=True)}
    ranked = sorted(usable, key=lambda index: -score_of[candidates[index]])
    matches = [
        {"rank": rank, "index": index, "text": candidates[index], "score": score_of[candidates[index]]}
        for rank, index in enumerate(ranked, 1)
        if score_of[candidates[index]] >= threshold
    ]
    notes = []
    if len(usable) < len(candidates):
        notes.append(f"{len(candidates) - len(usable)} empty candidate(s) were left out")
    if not matches and ranked:
        notes.append(_none_reached(threshold, ranked[0], score_of[candidates[ranked[0]]]))
    if len(matches) > top_k:
        notes.append(f"{len(matches) - top_k} more reach the threshold; raise `top_k` to see them")
    if any(embedded.truncated):
        notes.append("a text is longer than the checkpoint reads; its end was left out")
    shown = matches[:top_k]
    return {
        "matches": shown,
        "count": len(shown),
        "best": shown[0] if shown else None,
        "threshold": threshold,
        "truncated": any(embedded.truncated),
        "task": task.name,
        "notes": notes,
    }


def _none_reached(threshold: float, closest: int, score: float) -> str:
    return f"no candidate reaches the threshold {threshold:g}; the closest is index {closest} with {score:.2f}"
