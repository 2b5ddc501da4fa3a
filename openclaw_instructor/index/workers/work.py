"""Do a worker's part: read and cut files, and embed the passages that are new. No store is opened here."""

from __future__ import annotations

import pickle
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import IdentityMismatch, InstructorError
from openclaw_instructor.index import outcomes, stored_vectors
from openclaw_instructor.index.embedding import CHUNKS_PER_CALL, chunker
from openclaw_instructor.index.outcomes import Outcome
from openclaw_instructor.index.pending import Computed, Pending

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from openclaw_instructor.documents.chunking import Chunker
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.chunk_store import Known
    from openclaw_instructor.index.listing import Found
    from openclaw_instructor.settings import Settings

_PREFIX_DIGITS = 16


@dataclass(frozen=True)
class Problem:
    """Why a worker cannot work at all; the whole sync ends with it."""

    message: str


@dataclass(frozen=True)
class Spec:
    """What a worker needs to know: settings to make an engine of, instruction, and the identity of the vectors."""

    settings: Settings
    instruction: str
    identity: str
    open_engine: Callable[[Settings], Engine]

    def engine(self) -> Engine:
        """Make an engine. Raises IdentityMismatch where its vectors could not be compared with those of the index."""
        engine = self.open_engine(self.settings)
        if engine.identity(self.instruction) != self.identity:
            raise IdentityMismatch(
                f"a worker on {socket.gethostname()} has another checkpoint than this machine (it has "
                f"{engine.checkpoint_name}); put the same version and checkpoint on all of them"
            )
        return engine


class Reading:
    """Reads and cuts files, in a process that keeps the tokenizer."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec

    @cached_property
    def _chunker(self) -> Chunker:
        return chunker(self._spec.engine(), self._spec.instruction)

    def outcome(self, found: Found, before: Known | None) -> Outcome | Problem:
        """Read and cut a file."""
        try:
            return outcomes.of(found, before, lambda: self._chunker)
        except InstructorError as error:
            return Problem(error.message)


class Embedding:
    """Embeds the passages of documents, in a process that keeps the model."""

    def __init__(self, spec: Spec, stored: npt.NDArray[np.uint64]) -> None:
        """Embed what is not `stored`: the `prefixes` of digests, ascending."""
        self._spec = spec
        self._stored = stored

    @cached_property
    def _engine(self) -> Engine:
        return self._spec.engine()

    def completed(self, results: Sequence[Outcome | Problem]) -> list[Outcome | Problem]:
        """Return the results, those of documents with vectors."""
        texts = {c.digest: c.embedded for result in results if isinstance(result, Pending) for c in result.chunks}
        try:
            computed = self._computed(self._new(texts))
        except InstructorError as error:
            return [Problem(error.message)] * len(results)
        first = True
        completed = []
        for result in results:
            if isinstance(result, Pending):
                part = computed.of({chunk.digest for chunk in result.chunks})
                # What the model read is counted once.
                result.computed = part if first else replace(part, tokens=0, seconds=0.0)
                first = False
            completed.append(result)
        return completed

    def _new(self, texts: dict[str, str]) -> dict[str, str]:
        """Leave out what is stored. A text that is taken for another one is embedded by whoever misses it."""
        import numpy as np

        if not texts or not len(self._stored):
            return texts
        keys = prefixes(list(texts))
        places = np.minimum(np.searchsorted(self._stored, keys), len(self._stored) - 1)
        known = self._stored[places] == keys
        return {digest: text for (digest, text), stored in zip(texts.items(), known, strict=True) if not stored}

    def _computed(self, texts: dict[str, str]) -> Computed:
        from openclaw_instructor.engine import Priority

        started, parts = time.monotonic(), []
        digests = list(texts)
        for start in range(0, len(digests), CHUNKS_PER_CALL):
            batch = digests[start : start + CHUNKS_PER_CALL]
            embedded = self._engine.embed(
                [texts[digest] for digest in batch], self._spec.instruction, role="document", priority=Priority.BULK
            )
            vectors = dict(zip(batch, map(stored_vectors.as_blob, embedded.vectors), strict=True))
            cut = frozenset(digest for digest, long in zip(batch, embedded.truncated, strict=True) if long)
            parts.append(Computed(vectors, cut, sum(embedded.tokens)))
        return replace(Computed.together(parts), seconds=time.monotonic() - started)


def prefixes(digests: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return the first 64 bits of hexadecimal digests."""
    import numpy as np

    return np.array([int(digest[:_PREFIX_DIGITS], 16) for digest in digests], dtype=np.uint64)


def packed(value: Any) -> bytes:
    """Turn a value into bytes for another process of the same user."""
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Any:
    """Return the value of `packed`."""
    return pickle.loads(data)  # noqa: S301
