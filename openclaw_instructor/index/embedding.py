"""Passages -> their vectors: stored before, or computed by the model in large calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_instructor.documents.chunking import Chunker
from openclaw_instructor.errors import Busy
from openclaw_instructor.index import stored_vectors

if TYPE_CHECKING:
    from openclaw_instructor.documents.chunking import Chunk
    from openclaw_instructor.engine import Embeddings, Engine
    from openclaw_instructor.index.pending import Computed
    from openclaw_instructor.index.progress import Meter
    from openclaw_instructor.index.results import CollectionReport
    from openclaw_instructor.index.store import Store

CHUNKS_PER_CALL = 256
_BUSY_PATIENCE_SECONDS = 600.0


def chunker(engine: Engine, instruction: str) -> Chunker:
    """Make what cuts documents for the model of an engine and an instruction."""
    embedder = engine.embedder
    return Chunker(embedder.count, embedder.room(instruction), engine.identity(instruction))


@dataclass(frozen=True)
class Embedding:
    """Embeds passages under one instruction, and counts in `report` what the model had to read."""

    store: Store
    engine: Engine
    instruction: str
    report: CollectionReport

    def vectors(
        self, chunks: Iterable[Chunk], computed: Computed, meter: Meter, on_share: Callable[[float], None]
    ) -> dict[str, bytes]:
        """Map the digest of each chunk to its vector as it is stored.

        What is neither stored nor `computed` is embedded here. `on_share` is called with the share of these texts that
        are embedded, where that takes several calls.
        """
        texts = {chunk.digest: chunk.embedded for chunk in chunks}
        with self.store.read() as connection:
            vectors = stored_vectors.by_digest(connection, texts)
        new = [digest for digest in texts if digest not in vectors]
        vectors |= self._taken(new, computed, meter)
        missing = [digest for digest in new if digest not in vectors]
        for start in range(0, len(missing), CHUNKS_PER_CALL):
            batch = missing[start : start + CHUNKS_PER_CALL]
            started = time.monotonic()
            embeddings = self._embed([texts[digest] for digest in batch])
            meter.embedded(sum(embeddings.tokens), time.monotonic() - started)
            vectors |= dict(zip(batch, map(stored_vectors.as_blob, embeddings.vectors), strict=True))
            self.report.embedded += len(batch)
            self.report.truncated += sum(embeddings.truncated)
            if start + len(batch) < len(missing):
                on_share((start + len(batch)) / len(missing))
        return vectors

    def _taken(self, new: list[str], computed: Computed, meter: Meter) -> dict[str, bytes]:
        """Return the new vectors that a worker has computed, and count them."""
        taken = {digest: computed.vectors[digest] for digest in new if digest in computed.vectors}
        if taken:
            meter.embedded(computed.tokens, computed.seconds)
            self.report.embedded += len(taken)
            self.report.truncated += sum(digest in computed.truncated for digest in taken)
        return taken

    def _embed(self, texts: list[str]) -> Embeddings:
        from openclaw_instructor.engine import Priority

        deadline = time.monotonic() + _BUSY_PATIENCE_SECONDS
        while True:
            try:
                return self.engine.embed(texts, self.instruction, role="document", priority=Priority.BULK)
            except Busy as busy:
                # People's requests fill the queue: bulk work waits for its turn instead of failing.
                if time.monotonic() > deadline:
                    raise
                time.sleep(busy.retry_after or 1.0)
