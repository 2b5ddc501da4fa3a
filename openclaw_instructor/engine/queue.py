"""Queue requests for the model, bounded, interactive work first."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from openclaw_instructor.engine.embedders.protocol import Rendered, Role
from openclaw_instructor.errors import Busy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Priority(IntEnum):
    """Who waits: for a search (SEARCH), for something else (INTERACTIVE), or nobody (BULK, such as indexing)."""

    SEARCH = 0
    INTERACTIVE = 1
    BULK = 2


@dataclass(frozen=True)
class Embeddings:
    """The vectors of a request, and what the model read of each text.

    `vectors` is (n, dimension) float32, L2-normalised; `tokens` the model read for each text, its instruction included;
    `truncated` where a text did not fit whole.
    """

    vectors: NDArray[np.float32]
    tokens: list[int]
    truncated: list[bool]

    def truncated_to(self, dimension: int | None) -> Embeddings:
        """Return the first `dimension` channels, L2-normalised again; None returns all."""
        if dimension is None or dimension == self.vectors.shape[1]:
            return self
        import numpy as np

        cut = self.vectors[:, :dimension]
        return replace(self, vectors=cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12))


@dataclass(frozen=True)
class Vector:
    """The embedding of one text, from the model or from the cache."""

    values: NDArray[np.float32]
    tokens: int
    truncated: bool


@dataclass(eq=False)
class Request:
    """Texts under one instruction, and the future that receives their embeddings."""

    texts: list[str]
    instruction: str
    priority: Priority
    role: Role = "text"
    on_progress: Callable[[int, int], Any] | None = None
    future: Future[Embeddings] = field(default_factory=Future)
    results: list[Vector | None] = field(init=False)
    done: int = 0
    prepared: int = 0
    waiting: deque[Unit] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.results = [None] * len(self.texts)

    @property
    def unread(self) -> bool:
        """Whether any of its texts has not been given to the model yet."""
        return bool(self.waiting) or self.prepared < len(self.texts)

    @property
    def ended(self) -> bool:
        """Whether all texts are embedded, or the future is done."""
        return self.done == len(self.texts) or self.future.done()

    def put(self, index: int, vector: Vector) -> None:
        """Record the embedding of one text; `report` then resolves the future if it was the last one."""
        self.results[index] = vector
        self.done += 1

    def report(self) -> None:
        """Report progress, and resolve the future once every text is embedded."""
        if self.future.done():
            return
        if self.on_progress:
            self.on_progress(self.done, len(self.texts))
        if self.done == len(self.texts):
            self._resolve()

    def fail(self, error: BaseException) -> None:
        """Set an error on the future, unless it is done or cancelled."""
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)

    def _resolve(self) -> None:
        import numpy as np

        vectors = [vector for vector in self.results if vector is not None]
        embeddings = Embeddings(
            np.stack([vector.values for vector in vectors]),
            [vector.tokens for vector in vectors],
            [vector.truncated for vector in vectors],
        )
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(embeddings)


@dataclass(frozen=True, eq=False)
class Unit:
    """One text on its way through the model."""

    request: Request
    index: int
    key: bytes
    prompt: Rendered


class RequestQueue:
    """Requests in the order they are served. Not thread-safe: the engine holds its lock around every call.

    The most urgent go first; but bulk work that has waited for `patience` seconds goes before all but searches once, so
    that a sync comes to its end however many clients there are.
    """

    def __init__(self, limit: int, patience: float = 0.5) -> None:
        self._limit = limit
        self._patience = patience
        self._bulk_waits_since: float | None = None
        self._requests: dict[Priority, dict[int, Request]] = {priority: {} for priority in Priority}
        self._serial = itertools.count()
        self.dropped = 0

    def __len__(self) -> int:
        return sum(len(requests) for requests in self._requests.values())

    def texts(self, priority: Priority) -> int:
        """Texts of that priority that are not embedded yet."""
        return sum(len(request.texts) - request.done for request in self._requests[priority].values())

    def put(self, request: Request, seconds_per_text: float) -> None:
        """Append a request. Raises Busy when the texts of its priority would pass the limit.

        The limit holds for each priority separately, so that indexing never refuses a search. A request
        larger than the limit is accepted when the queue is empty, because it could never be otherwise.
        """
        ahead = self.texts(request.priority)
        if ahead and ahead + len(request.texts) > self._limit:
            retry_after = min(60.0, max(1.0, round(ahead * seconds_per_text, 1)))
            raise Busy(f"{ahead:,} texts are waiting for the model; try again in {retry_after:g} s", retry_after)
        self._requests[request.priority][next(self._serial)] = request

    def next_requests(self) -> list[Request]:
        """Return the requests with texts to read of the priority whose turn it is, in the order they came.

        Cancelled ones are dropped.
        """
        self._drop_cancelled()
        waiting = {
            priority: unread
            for priority, requests in self._requests.items()
            if (unread := [request for request in requests.values() if request.unread])
        }
        if Priority.BULK not in waiting:
            self._bulk_waits_since = None
        elif self._bulk_waits_since is None:
            self._bulk_waits_since = time.monotonic()
        if not waiting:
            return []
        first = min(waiting)
        overdue = self._bulk_waits_since is not None and time.monotonic() - self._bulk_waits_since > self._patience
        return waiting[Priority.BULK if first is Priority.INTERACTIVE and overdue else first]

    def begun(self, priority: Priority) -> None:
        """Record that a pass over requests of this priority begins."""
        if priority is Priority.BULK:
            self._bulk_waits_since = None

    def remove(self, finished: Sequence[Request]) -> None:
        """Remove requests that have ended or were cancelled."""
        gone = {id(request) for request in finished}
        for requests in self._requests.values():
            for serial in [serial for serial, request in requests.items() if id(request) in gone]:
                self.dropped += requests.pop(serial).future.cancelled()

    def clear(self) -> Iterator[Request]:
        """Remove and yield all requests."""
        for requests in self._requests.values():
            while requests:
                yield requests.pop(next(iter(requests)))

    def _drop_cancelled(self) -> None:
        for requests in self._requests.values():
            for serial in [serial for serial, request in requests.items() if request.future.cancelled()]:
                requests.pop(serial).future.set_running_or_notify_cancel()
                self.dropped += 1
