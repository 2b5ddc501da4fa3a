"""Schedule forward passes: look texts up in the cache, tokenize the others, and hand full passes to the model."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from openclaw_instructor.engine import precedence
from openclaw_instructor.engine.batch_sizing import BatchSizer
from openclaw_instructor.engine.cache import BufferedCache, text_key
from openclaw_instructor.engine.embedders.protocol import Embedder, Model
from openclaw_instructor.engine.in_flight import Pass, PassesInFlight
from openclaw_instructor.engine.queue import Priority, Request, Unit, Vector
from openclaw_instructor.errors import InstructorError, ServiceError
from openclaw_instructor.model.malloc import release_free_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GROUP = 16  # texts tokenised at a time
_GROUPS = 8  # groups in one turn of bulk work, because cached texts use no token budget
_RELEASE_EVERY = 4.0  # seconds of work after which freed memory is released; that takes about 20 ms
_USUAL_LOAD = 10.0  # expected seconds of a load before one was measured


@dataclass
class Counters:
    """Totals since the start: `texts` answered by the model; `tokens`, `seconds` and token `budget` of its passes."""

    texts: int = 0
    tokens: int = 0
    batches: int = 0
    batch_texts: int = 0
    budget: int = 0
    seconds: float = 0.0
    loads: int = 0


class Scheduler:
    """Answers requests pass by pass; used from one thread only, apart from its counters and `loading_since`.

    `embedder()` gives the embedder in force, `identity(instruction)` the digest that the cache is keyed by. `on_done`
    is called in another thread when a pass is done and `step` has something to end.
    """

    def __init__(
        self,
        embedder: Callable[[], Embedder],
        identity: Callable[[str], str],
        batch_tokens: int,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        self._embedder = embedder
        self._identity = identity
        self._batch_tokens = batch_tokens
        self._on_done = on_done
        self._model: Model | None = None
        self._pool = ThreadPoolExecutor(3, thread_name_prefix="pass")
        # Whose threads leave the cores to more urgent work.
        self._yielding = ThreadPoolExecutor(3, thread_name_prefix="pass", initializer=precedence.stand_back)
        self._last_load = _USUAL_LOAD
        self.loading_since: float | None = None
        self.cache: BufferedCache | None = None
        self.counters = Counters()
        self._released_at = 0.0
        self._uncached: dict[bytes, Vector] = {}
        self.sizer = BatchSizer()
        self.passes = PassesInFlight(self.sizer)

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._model is not None

    def stats(self) -> dict[str, Any]:
        """Count what has been loaded, embedded and looked up since the start."""
        cache, counters = self.cache, self.counters
        return {
            "load_count": counters.loads,
            "texts": counters.texts,
            "tokens": counters.tokens,
            "batches": counters.batches,
            "batch_texts": counters.batch_texts,
            "batch_fill": counters.tokens / counters.budget if counters.budget else 0.0,
            "model_seconds": counters.seconds,
            "tokens_per_second": self.sizer.tokens_per_second,
            "cache_hits": cache.hits if cache else 0,
            "cache_misses": cache.misses if cache else 0,
            "cache_problem": cache.problem if cache else None,
        }

    def load_left(self) -> float:
        """Estimate how many seconds the load in progress will still take."""
        since = self.loading_since
        return 0.0 if since is None else max(0.0, self._last_load - (time.monotonic() - since))

    def step(self, requests: Sequence[Request]) -> list[Request]:
        """End the passes that are done, then start one over `requests` unless the cache knows them all.

        Returns the requests that ended.
        """
        # Whoever waits for what is done comes before the next pass, and that before the cache.
        ended = _reported([request for each in self.passes.done() for request in self._end(each)])
        if requests:
            ended += _reported(self._start_pass(requests))
        if self._uncached and self.cache:
            self.cache.put(self._uncached)
        self._uncached = {}
        if self.counters.seconds - self._released_at > _RELEASE_EVERY:
            self.release_memory()
        return ended

    def finish(self) -> list[Request]:
        """Wait for the passes in flight and end them; returns the requests that ended."""
        self.passes.wait()
        return self.step([])

    def unload(self) -> None:
        """Free the weights; the next text loads them again."""
        self._model = None
        gc.collect()
        self.release_memory()

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to `settle`."""
        return self.counters.seconds <= self._released_at and not (self.cache and self.cache.unwritten)

    def settle(self) -> None:
        """Write what the cache holds back, and return freed memory."""
        if self.cache is not None:
            self.cache.flush()
        self.release_memory()

    def release_memory(self) -> None:
        """Return freed memory to the system; passes of many sizes fragment it."""
        self._released_at = self.counters.seconds
        release_free_memory()

    def close(self) -> None:
        """Free the model and close the cache."""
        self._pool.shutdown()
        self._yielding.shutdown()
        self._model = None
        if self.cache is not None:
            self.cache.close()

    def _start_pass(self, requests: Sequence[Request]) -> list[Request]:
        touched: dict[int, Request] = {}
        try:
            budget = self.sizer.budget(requests[0].priority, self._batch_tokens)
            if units := self._fill(requests, budget, touched):
                self._submit(units, budget)
        except Exception as error:
            _fail(touched.values(), error)
        return list(touched.values())

    def _fill(self, requests: Sequence[Request], budget: int, touched: dict[int, Request]) -> list[Unit]:
        """Take texts from the requests in turn until the token budget is used."""
        bulk = requests[0].priority is Priority.BULK
        units: list[Unit] = []
        groups = 0
        for place, request in enumerate(requests):
            touched[id(request)] = request
            while request.unread:
                if not request.waiting:
                    if bulk and groups == _GROUPS:
                        return units
                    self._prepare(_group(requests[place:]), touched)
                    groups += 1
                    continue
                size = request.waiting[0].prompt.tokens
                if units and size > budget:
                    return units
                units.append(request.waiting.popleft())
                budget -= size
        return units

    def _prepare(self, group: Sequence[Request], touched: dict[int, Request]) -> None:
        """Look the next few texts of requests with one instruction up in the cache, and tokenise the others."""
        touched.update((id(request), request) for request in group)
        embedder = self._embedder()
        before = embedder.before(group[0].instruction, group[0].role)
        identity = self._identity(before)
        unprepared = ((request, index) for request in group for index in range(request.prepared, len(request.texts)))
        places = list(islice(unprepared, _GROUP))
        texts = [request.texts[index] for request, index in places]
        keys = [text_key(identity, text) for text in texts]
        known = self.cache.get(keys) if self.cache else {}
        missing = [place for place, key in enumerate(keys) if key not in known]
        prompts = embedder.render(before, [texts[place] for place in missing]) if missing else []
        rendered = dict(zip(missing, prompts, strict=True))
        for place, ((request, index), key) in enumerate(zip(places, keys, strict=True)):
            if key in known:
                request.put(index, known[key])
            else:
                request.waiting.append(Unit(request, index, key, rendered[place]))
            request.prepared = index + 1

    def _submit(self, units: list[Unit], budget: int) -> None:
        model, each = self._ready_model(), Pass(units, budget)

        def run() -> NDArray[np.float32]:
            try:
                return model.embed(list(each.prompts.values()), self._batch_tokens)
            finally:
                each.ended_at = time.monotonic()

        self.passes.start(each)
        pool = self._yielding if self.sizer.expects_before(each.priority) else self._pool
        each.rows = pool.submit(run)
        each.rows.add_done_callback(lambda _: self._on_done())

    def _end(self, each: Pass) -> list[Request]:
        self.passes.end(each)
        requests = each.requests
        try:
            rows = each.rows.result()
        except Exception as error:
            _fail(requests, error)
            return requests
        self._count(each)
        vectors = {
            key: Vector(row, prompt.tokens, prompt.truncated)
            for (key, prompt), row in zip(each.prompts.items(), rows, strict=True)
        }
        for unit in each.units:
            unit.request.put(unit.index, vectors[unit.key])
        self._uncached |= vectors
        return requests

    def _count(self, each: Pass) -> None:
        self.sizer.record(each.tokens, each.seconds)
        counters = self.counters
        counters.batches += 1
        counters.batch_texts += len(each.prompts)
        counters.texts += len(each.units)
        counters.tokens += each.tokens
        counters.budget += each.budget
        counters.seconds += each.seconds

    def _ready_model(self) -> Model:
        if self._model is None:
            started = self.loading_since = time.monotonic()
            try:
                embedder = self._embedder()
                self._model = embedder.load()
                self.passes.limit = embedder.passes
            finally:
                self.loading_since = None
            self._last_load = time.monotonic() - started
            self.counters.loads += 1
        return self._model


def _group(requests: Sequence[Request]) -> list[Request]:
    """Return the first request and those after it that can be prepared with it.

    One call of cache and tokenizer for all costs far less than one for each.
    """
    group: list[Request] = []
    texts = 0
    for request in requests:
        if texts >= _GROUP or (request.instruction, request.role) != (requests[0].instruction, requests[0].role):
            break
        if unprepared := len(request.texts) - request.prepared:
            group.append(request)
            texts += unprepared
    return group


def _reported(touched: Sequence[Request]) -> list[Request]:
    """Report their progress; returns those that ended."""
    for request in touched:
        try:
            request.report()
        except Exception as error:  # a caller's callback must not stop the worker
            request.fail(_unexpected(error))
    return [request for request in touched if request.ended]


def _fail(requests: Iterable[Request], error: Exception) -> None:
    reason = error if isinstance(error, InstructorError) else _unexpected(error)
    for request in requests:
        request.fail(reason)


def _unexpected(error: Exception) -> ServiceError:
    # The message of an unknown exception may quote a text, so only its type is passed on.
    failure = ServiceError(
        f"embedding failed unexpectedly ({type(error).__name__}); try again, and report it if it stays"
    )
    failure.__cause__ = error
    return failure
