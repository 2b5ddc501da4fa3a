"""What the worker thread does with requests: look in the cache, tokenise, cut a slice, have the model read it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from openclaw_instructor.engine.batch_sizing import Pace
from openclaw_instructor.engine.cache import EmbeddingCache, text_key
from openclaw_instructor.engine.in_flight import Pass, UnderWay
from openclaw_instructor.engine.memory import return_memory
from openclaw_instructor.engine.queue import Priority, Request, Unit, Vector
from openclaw_instructor.errors import InstructorError, ServiceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from openclaw_instructor.model.prompt import Prompt

_GROUP = 16  # texts tokenised at a time
_GROUPS = 8  # groups in one slice of bulk work, because texts the cache knows fill no token budget
_TIDY_EVERY = 4.0  # seconds of work after which memory is given back; it takes some 20 ms
_USUAL_LOAD = 10.0  # seconds a load is expected to take before one was seen

Render = Callable[[str, Sequence[str]], "list[Prompt]"]


class Embedder(Protocol):
    """What the engine needs of a model; INSTRUCTOR is one, and `load=` may bring another."""

    def embed(self, prompts: Sequence[Prompt], batch_tokens: int) -> NDArray[np.float32]:
        """Embeddings (n, dimension) float32, L2-normalised, in the order of `prompts`."""
        ...


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


class Runner:
    """Serves requests pass by pass; used from one thread only, apart from its counters and `loading_since`.

    `on_done` is called in another thread when a pass is done and `serve` has something to end.
    """

    def __init__(
        self,
        load: Callable[[], Embedder],
        render: Render,
        identity: Callable[[str], str],
        batch_tokens: int,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        self._load = load
        self._render = render
        self._identity = identity
        self._batch_tokens = batch_tokens
        self._on_done = on_done
        self._model: Embedder | None = None
        self._pool = ThreadPoolExecutor(3, thread_name_prefix="pass")
        self._last_load = _USUAL_LOAD
        self.loading_since: float | None = None
        self.cache: EmbeddingCache | None = None
        self.counters = Counters()
        self._tidied = 0.0
        self.pace = Pace()
        self.passes = UnderWay(self.pace)

    @property
    def loaded(self) -> bool:
        return self._model is not None

    def stats(self) -> dict[str, Any]:
        """What has been loaded, embedded and looked up since the start."""
        cache, counters = self.cache, self.counters
        return {
            "load_count": counters.loads,
            "texts": counters.texts,
            "tokens": counters.tokens,
            "batches": counters.batches,
            "batch_texts": counters.batch_texts,
            "batch_fill": counters.tokens / counters.budget if counters.budget else 0.0,
            "model_seconds": counters.seconds,
            "tokens_per_second": self.pace.tokens_per_second,
            "cache_hits": cache.hits if cache else 0,
            "cache_misses": cache.misses if cache else 0,
            "cache_problem": cache.problem if cache else None,
        }

    def load_left(self) -> float:
        """Seconds the load under way will probably still take."""
        since = self.loading_since
        return 0.0 if since is None else max(0.0, self._last_load - (time.monotonic() - since))

    def serve(self, requests: Sequence[Request]) -> list[Request]:
        """End the passes that are done; then begin one over `requests`, or none when the cache knows them. The requests
        that ended."""
        touched = [request for each in self.passes.done() for request in self._end(each)]
        if requests:
            touched += self._begin(requests)
        if self.counters.seconds - self._tidied > _TIDY_EVERY:
            self.tidy()
        ended = []
        for request in touched:
            try:
                request.report()
            except Exception as error:  # a caller's callback must not stop the worker
                request.fail(_unexpected(error))
            if request.ended:
                ended.append(request)
        return ended

    def finish(self) -> list[Request]:
        """Wait for the passes under way and end them; the requests that ended."""
        self.passes.wait()
        return self.serve([])

    def unload(self) -> None:
        """Free the weights; the next text loads them again."""
        self._model = None
        gc.collect()
        self.tidy()

    @property
    def untidy(self) -> bool:
        """Whether the model has worked since `tidy`."""
        return self.counters.seconds > self._tidied

    def tidy(self) -> None:
        """Give memory back that the allocator keeps: passes of every size leave holes of every size."""
        self._tidied = self.counters.seconds
        return_memory()

    def close(self) -> None:
        """Let go of the model and the cache."""
        self._pool.shutdown()
        self._model = None
        if self.cache is not None:
            self.cache.close()

    def _begin(self, requests: Sequence[Request]) -> list[Request]:
        touched: dict[int, Request] = {}
        try:
            budget = self.pace.budget(requests[0].priority, self._batch_tokens)
            if units := self._cut(requests, budget, touched):
                self._start(units, budget)
        except Exception as error:
            _fail(touched.values(), error)
        return list(touched.values())

    def _cut(self, requests: Sequence[Request], budget: int, touched: dict[int, Request]) -> list[Unit]:
        """Take units from the requests in turn until the token budget is full."""
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
                size = len(request.waiting[0].prompt.ids)
                if units and size > budget:
                    return units
                units.append(request.waiting.popleft())
                budget -= size
        return units

    def _prepare(self, group: Sequence[Request], touched: dict[int, Request]) -> None:
        """Tokenise the next few texts of requests with one instruction; what the cache knows needs no model."""
        touched.update((id(request), request) for request in group)
        instruction = group[0].instruction
        identity = self._identity(instruction)
        unprepared = ((request, index) for request in group for index in range(request.prepared, len(request.texts)))
        places = list(islice(unprepared, _GROUP))
        texts = [request.texts[index] for request, index in places]
        keys = [text_key(identity, text) for text in texts]
        known = self.cache.get(keys) if self.cache else {}
        missing = [place for place, key in enumerate(keys) if key not in known]
        prompts = self._render(instruction, [texts[place] for place in missing]) if missing else []
        rendered = dict(zip(missing, prompts, strict=True))
        for place, ((request, index), key) in enumerate(zip(places, keys, strict=True)):
            if key in known:
                request.put(index, known[key])
            else:
                request.waiting.append(Unit(request, index, key, rendered[place]))
            request.prepared = index + 1

    def _start(self, units: list[Unit], budget: int) -> None:
        model = self._ready_model()
        begun = Pass(units, budget)

        def read() -> NDArray[np.float32]:
            try:
                return model.embed(list(begun.prompts.values()), self._batch_tokens)
            finally:
                begun.ended_at = time.monotonic()

        self.passes.begin(begun)
        begun.rows = self._pool.submit(read)
        begun.rows.add_done_callback(lambda _: self._on_done())

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
            key: Vector(row, len(prompt.ids), prompt.truncated)
            for (key, prompt), row in zip(each.prompts.items(), rows, strict=True)
        }
        for unit in each.units:
            unit.request.put(unit.index, vectors[unit.key])
        if self.cache:
            self.cache.put(vectors)
        return requests

    def _count(self, each: Pass) -> None:
        self.pace.measured(each.tokens, each.seconds)
        counters = self.counters
        counters.batches += 1
        counters.batch_texts += len(each.prompts)
        counters.texts += len(each.units)
        counters.tokens += each.tokens
        counters.budget += each.budget
        counters.seconds += each.seconds

    def _ready_model(self) -> Embedder:
        if self._model is None:
            started = self.loading_since = time.monotonic()
            try:
                self._model = self._load()
            finally:
                self.loading_since = None
            self._last_load = time.monotonic() - started
            self.counters.loads += 1
        return self._model


def _group(requests: Sequence[Request]) -> list[Request]:
    """The first request and those after it that can be prepared with it: asking the cache and the tokenizer for each
    by itself would cost more than their answers."""
    group: list[Request] = []
    texts = 0
    for request in requests:
        if texts >= _GROUP or request.instruction != requests[0].instruction:
            break
        if unprepared := len(request.texts) - request.prepared:
            group.append(request)
            texts += unprepared
    return group


def _fail(requests: Iterable[Request], error: Exception) -> None:
    reason = error if isinstance(error, InstructorError) else _unexpected(error)
    for request in requests:
        request.fail(reason)


def _unexpected(error: Exception) -> ServiceError:
    # The text of an unknown exception may quote what was embedded, so only its type is passed on.
    failure = ServiceError(
        f"embedding failed unexpectedly ({type(error).__name__}); try again, and report it if it stays"
    )
    failure.__cause__ = error
    return failure
