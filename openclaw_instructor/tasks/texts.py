"""Lists of texts that a call gives, and their embeddings."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor.text import one_line

if TYPE_CHECKING:
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from openclaw_instructor.engine import Embeddings, Engine

# Requests of others are served between two batches.
_BATCH, _IN_MODEL = 512, 2
_SHORT = 120


@dataclass(frozen=True)
class Text:
    """One text of a list: its place in it, from 0, and the caller's `id` if it has one."""

    index: int
    text: str
    id: str | int | None = None

    def named(self, *, short: bool = False) -> dict[str, Any]:
        """Return what names it in a result: `index`, `id` if it has one, and the text, a `short` one cut."""
        name: dict[str, Any] = {"index": self.index} | ({} if self.id is None else {"id": self.id})
        return name | {"text": shortened(self.text) if short else self.text}


def shortened(text: str) -> str:
    """Return the beginning of a text on one line."""
    line = one_line(text[: 4 * _SHORT]).strip()
    return line if len(line) <= _SHORT else f"{line[: _SHORT - 1]}…"


def read_texts(values: Sequence[Any]) -> tuple[list[Text], list[str]]:
    """Return the texts of an argument that is described by `schema.texts`, and notes: empty ones are left out."""
    texts = [
        Text(index, value["text"], value.get("id")) if isinstance(value, dict) else Text(index, value)
        for index, value in enumerate(values)
    ]
    written = [text for text in texts if text.text.strip()]
    empty = len(texts) - len(written)
    return written, [f"{empty} empty text(s) were left out"] if empty else []


@dataclass(frozen=True)
class Embedded:
    """Vectors (n, dimension) of texts, L2-normalised, and whether the end of any was left out."""

    vectors: NDArray[np.float32]
    truncated: bool

    @property
    def notes(self) -> list[str]:
        """What was left out."""
        return ["a text is longer than the checkpoint reads; its end was left out"] if self.truncated else []


def embed(engine: Engine, texts: Sequence[str], instruction: str) -> Embedded:
    """Embed texts, equal ones once, in batches between which requests of others are served.

    Raises what `Engine.embed` raises.
    """
    distinct = list(dict.fromkeys(texts))
    # The first one waits for a model that is loading, but not for ever.
    done = [engine.embed(distinct[:_BATCH], instruction)] if distinct else []
    running: deque[Future[Embeddings]] = deque()
    for start in range(_BATCH, len(distinct), _BATCH):
        running.append(engine.submit(distinct[start : start + _BATCH], instruction))
        if len(running) == _IN_MODEL:
            done.append(running.popleft().result())
    done += [future.result() for future in running]
    if not done:
        return Embedded(np.empty((0, engine.dimension), np.float32), truncated=False)
    vectors = done[0].vectors if len(done) == 1 else np.concatenate([each.vectors for each in done])
    if len(distinct) < len(texts):
        row = {text: number for number, text in enumerate(distinct)}
        vectors = vectors[[row[text] for text in texts]]
    return Embedded(vectors, any(cut for each in done for cut in each.truncated))
