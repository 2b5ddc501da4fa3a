"""Engines whose processes die, for workers that have to live with that."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typing_extensions import override

from openclaw_instructor.settings import Settings
from openclaw_instructor.testing import WordEmbedder, WordEngine

# A reader that cuts a text with this word dies, each time.
POISON = "hemlock"
# What reads or embeds a text with one of these dies, the first time.
ONCE_READING, ONCE_EMBEDDING = "nightshade", "foxglove"


class _MortalEmbedder(WordEmbedder):
    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home

    @override
    def count(self, texts: Sequence[str]) -> list[int]:
        if any(POISON in text for text in texts):
            die()
        if any(ONCE_READING in text for text in texts):
            die_once(self.home / ONCE_READING)
        return super().count(texts)


class MortalEngine(WordEngine):
    """Words as ever, in a process that some of them end."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings=settings)
        self._embedder = self.words = _MortalEmbedder(settings.home)

    @override
    def embed(self, texts: Sequence[str], *arguments: Any, **options: Any) -> Any:
        if any(ONCE_EMBEDDING in text for text in texts):
            die_once(self.settings.home / ONCE_EMBEDDING)
        return super().embed(texts, *arguments, **options)


class OtherEngine(WordEngine):
    """Another checkpoint than that of the index."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("other words", settings=settings)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(mark: Path) -> None:
    """End the process, unless one has died of it before."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return
    die()
