"""What corrections tell over time: what changes, what contradicts, which rules suggest themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from openclaw_instructor.tasks.classifier.rules import suggestions

if TYPE_CHECKING:
    from openclaw_instructor.tasks.classifier.corrections import Correction

_DAYS = 30
# Fewer corrections than this tell nothing of a change.
_ENOUGH = 5
_NONE = "no label"


def report(corrections: Sequence[Correction], now: datetime | None = None) -> dict[str, Any]:
    """Return the corrections as JSON, with summaries of those that are in force.

    `confusions` counts what was answered and what was right, `drift` says in sentences what changed between the last 30
    days and the 30 before, `contradictions` which corrections speak against others, and `suggested_rules` lists
    senders of whose mail all was taught to be of one label.
    """
    kept = [c for c in corrections if c.ended is None]
    texts, rules = [c for c in kept if c.what == "text"], [c for c in kept if c.what == "sender"]
    return {
        "corrections": [c.as_dict() for c in corrections],
        "in_force": len(texts),
        "rules": len(rules),
        "confusions": [
            {"answered": answered, "right": right, "count": count}
            for (answered, right), count in _confusions(texts).most_common(20)
        ],
        "contradictions": [{"correction": c.id, "label": c.label, "conflict": c.conflict} for c in texts if c.conflict],
        "drift": _drift(texts, now or datetime.now(UTC)),
        "suggested_rules": suggestions(texts, rules),
    }


def _confusions(texts: Sequence[Correction]) -> Counter[tuple[str | None, str]]:
    return Counter((c.answered, c.label) for c in texts if c.answered != c.label)


def _drift(texts: Sequence[Correction], now: datetime) -> list[str]:
    begin, before = now - timedelta(days=_DAYS), now - timedelta(days=2 * _DAYS)
    wrong = [c for c in texts if c.answered != c.label]
    recent = [c for c in wrong if datetime.fromisoformat(c.made) >= begin]
    earlier = [c for c in wrong if before <= datetime.fromisoformat(c.made) < begin]
    if len(recent) < _ENOUGH and len(earlier) < _ENOUGH:
        return []
    sentences = [f"{len(recent)} answers were corrected in the last {_DAYS} days, {len(earlier)} in the {_DAYS} before"]
    older = _confusions(earlier)
    for (answered, right), count in _confusions(recent).most_common():
        if count >= _ENOUGH and count >= 2 * older[answered, right]:
            sentences.append(
                f"{answered or _NONE} for {right}: {count} times in the last {_DAYS} days, "
                f"{older[answered, right]} in the {_DAYS} before"
            )
    return sentences
