"""Ranking -> hits: no text twice, no overlapping parts of a section, few of any one document while others wait."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_instructor.index.chunk_store import Passage

# The most hits from one document; if too few hits are left, more of them are taken.
PER_DOCUMENT = 2
MAX_ELSEWHERE = 5


@dataclass
class Chosen:
    """A passage to show. `elsewhere` are other places of its text, and `elsewhere_count` how many there are."""

    passage: Passage
    score: float
    elsewhere: list[Passage] = field(default_factory=list)
    elsewhere_count: int = 0

    def add_place(self, passage: Passage) -> None:
        """Add another place with the same text."""
        self.elsewhere_count += 1
        if len(self.elsewhere) < MAX_ELSEWHERE:
            self.elsewhere.append(passage)


class Selection:
    """The best `top_k` passages of a ranking, which holds (chunk id, score), best first.

    Those of `wanted`, by id, are taken however many hits their document has. With `keep_order` the ranking counts, else
    the scores.

    `hits` are the chosen ones, best first. `settled`: a longer ranking would give the same hits, because no hit was
    taken in spite of its document having enough. `left_out` says why a passage that ranks high enough is no hit.
    """

    def __init__(
        self,
        ranking: Sequence[tuple[int, float]],
        found: Mapping[int, Passage],
        top_k: int,
        wanted: Collection[int] = (),
        *,
        keep_order: bool = False,
    ) -> None:
        self._top_k = top_k
        self._wanted = frozenset(wanted)
        self._chosen: list[Chosen] = []
        self._spare: list[Chosen] = []
        self._by_text: dict[str, Chosen] = {}
        self._by_section: dict[tuple[int, str], list[Chosen]] = {}
        self._per_document: dict[int, int] = {}
        self.left_out: dict[int, str] = {}
        for key, score in ranking:
            if (passage := found.get(key)) is not None:
                self._consider(passage, score)
        self.settled = len(self._chosen) == top_k
        filled = [*self._chosen, *self._spare[: top_k - len(self._chosen)]]
        self.hits = filled if keep_order else sorted(filled, key=lambda chosen: -chosen.score)
        shown = {chosen.passage.id for chosen in self.hits}
        self.left_out = {key: reason for key, reason in self.left_out.items() if key not in shown}

    @property
    def documents(self) -> set[int]:
        """Ids of the documents that the hits come from."""
        return {chosen.passage.document_id for chosen in self.hits}

    def _consider(self, passage: Passage, score: float) -> None:
        text = " ".join(passage.text.split())
        section = (passage.document_id, passage.heading)
        if (same := self._by_text.get(text)) is not None:
            same.add_place(passage)
            self.left_out[passage.id] = f"the same text as {_place(same.passage)}"
            return
        overlapping = next((o for o in self._by_section.get(section, ()) if _overlap(passage, o.passage)), None)
        if overlapping is not None:
            self.left_out[passage.id] = f"overlaps {_place(overlapping.passage)}"
            return
        if len(self._chosen) == self._top_k:
            self.left_out[passage.id] = f"below the best {self._top_k}"
            return
        candidate = Chosen(passage, score)
        taken = self._per_document.get(passage.document_id, 0)
        if taken < PER_DOCUMENT or passage.id in self._wanted:
            self._chosen.append(candidate)
            self._per_document[passage.document_id] = taken + 1
        else:
            self.left_out[passage.id] = f"{PER_DOCUMENT} hits of its document are better and others wait"
            if len(self._spare) == self._top_k:
                return
            self._spare.append(candidate)
        self._by_text[text] = candidate
        self._by_section.setdefault(section, []).append(candidate)


def _place(passage: Passage) -> str:
    return f"{passage.path}, {passage.location(passage.first_line, passage.last_line)}"


def _overlap(one: Passage, other: Passage) -> bool:
    """Whether two passages of one section share lines. Parts of one long line hardly repeat one another."""
    if one.line_offset is not None and other.line_offset is not None:
        return False
    return one.first_line <= other.last_line and other.first_line <= one.last_line
