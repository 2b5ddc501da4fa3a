"""The engine of word hashes with texts at given places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openclaw_instructor.testing import WordEngine


class PlacedEngine(WordEngine):
    """Other texts are orthogonal to those of `places`; a text of more than `longest` words is truncated."""

    def __init__(self, places: Mapping[str, Sequence[float]], *, longest: int = 500) -> None:
        super().__init__("placed", places=places, limit=longest + 2)
