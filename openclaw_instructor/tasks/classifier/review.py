"""What of many results a person should look at: a summary by label, and the unsure and surprising ones first."""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_instructor.tasks.bulk import Classified

# Senders that are remembered, the ones that wrote last; and how many of their mails make a label usual.
_SENDERS, _USUAL = 20_000, 3


@dataclass
class Review:
    """Collects results one by one, in memory that does not grow with their number."""

    most: int
    counts: Counter[str | None] = field(default_factory=Counter)
    unreadable: int = 0
    _scores: dict[str | None, float] = field(default_factory=dict)
    _kept: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    _senders: OrderedDict[str, Counter[str]] = field(default_factory=OrderedDict)
    _number: int = 0

    def add(self, classified: Classified) -> None:
        """Take in a result."""
        result = classified.result
        label = result["label"]
        self.counts[label] += 1
        self._scores[label] = self._scores.get(label, 0.0) + result["score"]
        self.unreadable += classified.item.message is None
        why, weight = self._why(classified)
        self._number += 1
        row = {"name": classified.item.name, "why": why} | {key: result[key] for key in ("label", "score", "margin")}
        row["subject"] = result.get("subject", "")[:100]
        heapq.heappush(self._kept, (weight, -self._number, row))
        if len(self._kept) > self.most:
            heapq.heappop(self._kept)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The results to look at, the most doubtful first."""
        return [row for _, _, row in sorted(self._kept, key=lambda kept: kept[:2], reverse=True)]

    def summary(self) -> list[dict[str, Any]]:
        """Return a row for each label, the most frequent first, then what has none."""
        total = max(1, self.counts.total())
        ordered = sorted(self.counts.items(), key=lambda each: (each[0] is None, -each[1]))
        return [
            {"label": label, "count": count, "share": count / total, "mean_score": self._scores[label] / count}
            for label, count in ordered
        ]

    def _why(self, classified: Classified) -> tuple[str, float]:
        """Say what is doubtful, and how much: 2 and more for what could not be labelled or is unusual of its sender."""
        result = classified.result
        if classified.item.message is None:
            return result["reason"], 4.0
        usual = self._usual_label(classified)
        if usual is not None and result["label"] not in (None, usual):
            return f"other mail of this sender is {usual}", 3.0 + result["score"]
        if result["label"] is None:
            return result["reason"] or "no label", 3.0 - result["margin"]
        following = result["runners_up"][0]["label"] if result["runners_up"] else ""
        return f"the next label is {following}", 1.0 - result["margin"]

    def _usual_label(self, classified: Classified) -> str | None:
        """Return the label that most earlier mails of this sender have, and count this one."""
        sender = classified.item.message.sender_address if classified.item.message else ""
        if not sender:
            return None
        seen = self._senders.setdefault(sender, Counter())
        self._senders.move_to_end(sender)
        if len(self._senders) > _SENDERS:
            self._senders.popitem(last=False)
        label, count = next(iter(seen.most_common(1)), (None, 0))
        total = seen.total()
        if classified.result["label"] is not None:
            seen[classified.result["label"]] += 1
        return label if count >= _USUAL and count >= 0.8 * total else None
