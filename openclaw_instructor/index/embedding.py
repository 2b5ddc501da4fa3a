"""Documents -> the vectors of their passages: stored before, or computed by the model in large calls.

The model works ahead: while it embeds some documents, those before them are published and those after them are read.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from openclaw_instructor.documents.chunking import Chunker
from openclaw_instructor.errors import Busy
from openclaw_instructor.index import stored_vectors
from openclaw_instructor.index.pending import Computed

if TYPE_CHECKING:
    from openclaw_instructor.engine import Embeddings, Engine
    from openclaw_instructor.index.pending import Pending
    from openclaw_instructor.index.progress import Meter
    from openclaw_instructor.index.results import CollectionReport
    from openclaw_instructor.index.store import Store

CHUNKS_PER_CALL = 256
# Calls that wait behind those of the documents that are published next. With them the model is not idle as long as
# reading and publishing take less time than it does, and few documents wait in memory.
CALLS_AHEAD = 2
_BUSY_PATIENCE_SECONDS = 600.0


def chunker(engine: Engine, instruction: str) -> Chunker:
    """Make what cuts documents for the model of an engine and an instruction."""
    embedder = engine.embedder
    return Chunker(embedder.count, embedder.room(instruction), engine.identity(instruction))


@dataclass(eq=False)
class _Group:
    """Documents that are published together, and the vectors of their passages by digest as far as they are there.

    The model computes those that are `missing` in so many `calls` that are still unanswered; those that are `elsewhere`
    come from the group before that has them.
    """

    documents: list[Pending]
    vectors: dict[str, bytes]
    missing: frozenset[str]
    elsewhere: dict[str, _Group]
    calls: int = 0

    def tell(self, meter: Meter) -> None:
        """Tell that it is being embedded, and how much of it is done."""
        size = sum(pending.found.size for pending in self.documents)
        names = f"{self.documents[0].found.place}"
        names += f" and {len(self.documents) - 1} more" if len(self.documents) > 1 else ""
        done = len(self.missing & self.vectors.keys()) / max(1, len(self.missing))
        meter.tell(f"embedding {names}", int(done * size))

    def completed(self) -> dict[str, bytes]:
        """Return all its vectors, once every call of it and of the groups before is answered."""
        self.vectors |= {digest: group.vectors[digest] for digest, group in self.elsewhere.items()}
        self.elsewhere.clear()
        return self.vectors


@dataclass(eq=False)
class _Call:
    """Texts by digest that the model embeds together, and its answer once it was asked."""

    group: _Group
    texts: dict[str, str]
    answer: Future[Embeddings] | None = None
    asked_at: float = 0.0
    ended_at: float = 0.0

    def ask(self, engine: Engine, instruction: str) -> Future[Embeddings]:
        """Queue it. Raises Busy when the queue is full."""
        from openclaw_instructor.engine import Priority

        self.asked_at, self.ended_at = time.monotonic(), 0.0
        self.answer = engine.submit(list(self.texts.values()), instruction, role="document", priority=Priority.BULK)
        self.answer.add_done_callback(self._ended)
        return self.answer

    def _ended(self, _: Future[Embeddings]) -> None:
        self.ended_at = time.monotonic()


@dataclass
class Embedding:
    """Embeds documents under one instruction, and counts in `report` and `meter` what the model had to read."""

    store: Store
    engine: Engine
    instruction: str
    report: CollectionReport
    meter: Meter
    _groups: deque[_Group] = field(default_factory=deque)
    _calls: deque[_Call] = field(default_factory=deque)
    _counted_until: float = 0.0

    def of(self, groups: Iterable[list[Pending]]) -> Generator[tuple[list[Pending], dict[str, bytes]], None, None]:
        """Yield each group of documents, in order, with the vectors of its passages by digest, as they are stored.

        The groups after it are taken meanwhile, until enough texts wait for the model. The caller publishes a group
        before it asks for the next, and closes the generator, which withdraws what the model has not begun. Raises what
        `groups` and the model raise.
        """
        try:
            for documents in groups:
                self._begin(documents)
                yield from self._complete(CALLS_AHEAD)
            yield from self._complete(0)
        finally:
            for call in self._calls:
                if call.answer is not None:
                    call.answer.cancel()

    def _begin(self, documents: list[Pending]) -> None:
        """Ask the model for the vectors that are neither stored nor computed nor on their way."""
        texts = {chunk.digest: chunk.embedded for pending in documents for chunk in pending.chunks}
        with self.store.read() as connection:
            vectors = stored_vectors.by_digest(connection, texts)
        new = [digest for digest in texts if digest not in vectors]
        # What is on its way would have been stored if these documents had been read later.
        elsewhere = {
            digest: group
            for group in self._groups
            for digest in new
            if digest in group.missing or digest in group.vectors
        }
        new = [digest for digest in new if digest not in elsewhere]
        vectors |= self._taken(new, Computed.together(pending.computed for pending in documents))
        missing = [digest for digest in new if digest not in vectors]
        group = _Group(documents, vectors, frozenset(missing), elsewhere)
        for start in range(0, len(missing), CHUNKS_PER_CALL):
            batch = missing[start : start + CHUNKS_PER_CALL]
            self._calls.append(_Call(group, {digest: texts[digest] for digest in batch}))
            group.calls += 1
        self._groups.append(group)
        self._ask()

    def _taken(self, new: list[str], computed: Computed) -> dict[str, bytes]:
        """Return the new vectors that a worker has computed, and count them."""
        taken = {digest: computed.vectors[digest] for digest in new if digest in computed.vectors}
        if taken:
            self.meter.embedded(computed.tokens, computed.seconds)
            self.report.embedded += len(taken)
            self.report.truncated += sum(digest in computed.truncated for digest in taken)
        return taken

    def _complete(self, ahead: int) -> Iterator[tuple[list[Pending], dict[str, bytes]]]:
        """Yield the groups that are complete; wait for the first one where so many calls or groups are behind it."""
        while self._groups:
            first = self._groups[0]
            # Groups of nothing new have no calls, and are to pile up no more than others.
            if first.calls and max(len(self._calls) - first.calls, len(self._groups) - 1) < ahead:
                return
            first.tell(self.meter)
            while first.calls:
                self._take(self._calls[0])
                if first.calls:
                    first.tell(self.meter)
            self._groups.popleft()
            yield first.documents, first.completed()

    def _take(self, call: _Call) -> None:
        """Wait for the answer of the oldest call, and count it."""
        embeddings = self._answer(call)
        self._calls.popleft()
        self._ask()
        ended = call.ended_at or time.monotonic()
        # Calls overlap, and no second is counted twice.
        self.meter.embedded(sum(embeddings.tokens), ended - max(call.asked_at, self._counted_until))
        self._counted_until = ended
        call.group.vectors |= zip(call.texts, map(stored_vectors.as_blob, embeddings.vectors), strict=True)
        call.group.calls -= 1
        self.report.embedded += len(call.texts)
        self.report.truncated += sum(embeddings.truncated)

    def _ask(self) -> None:
        """Queue the next calls. What the queue has no room for waits until the answer of another one is taken."""
        for call in islice(self._calls, CALLS_AHEAD + 1):
            if call.answer is None:
                try:
                    call.ask(self.engine, self.instruction)
                except Busy:
                    return

    def _answer(self, call: _Call) -> Embeddings:
        deadline = time.monotonic() + _BUSY_PATIENCE_SECONDS
        while True:
            try:
                answer = call.answer or call.ask(self.engine, self.instruction)
                return answer.result()
            except Busy as busy:
                # People's requests fill the queue: bulk work waits for its turn instead of failing.
                call.answer = None
                if time.monotonic() > deadline:
                    raise
                time.sleep(busy.retry_after or 1.0)
