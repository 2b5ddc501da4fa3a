"""Run the blocking work of a request in a thread, limited in time and cancelled when its client disconnects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import anyio
from starlette.requests import Request

from openclaw_instructor.documents.limits import MAIL_WORKERS
from openclaw_instructor.engine import CancelScope, Embeddings, Engine, Priority, Role, precedence
from openclaw_instructor.errors import Busy, DaemonUnavailable, InstructorError
from openclaw_instructor.server.http_protocol import HANG_UPS
from openclaw_instructor.server.in_flight import InFlight
from openclaw_instructor.server.security import caller_of
from openclaw_instructor.server.shared_work import SharedWork
from openclaw_instructor.server.turns import Turns

logger = logging.getLogger(__name__)

WORK_SECONDS = 120.0
_Result = TypeVar("_Result")


class ClientGone(Exception):
    """The client has disconnected; nobody reads an answer."""


class ThreadPool:
    """Runs functions in threads: short ones some at a time, long ones (indexing) few.

    Urgent ones (searches) and probes wait for neither, and the others begin when no search is running, or a moment
    later: more of them at once would only share Python's lock with it.
    """

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._urgent = anyio.CapacityLimiter(8)
        self._short = anyio.CapacityLimiter(16)
        self._long = anyio.CapacityLimiter(4)
        self._probes = anyio.CapacityLimiter(4)
        self._shared = SharedWork()
        self.turns = Turns(MAIL_WORKERS, WORK_SECONDS)

    async def probe(self, function: Callable[[], _Result]) -> _Result:
        """Run a function of a health check, which must answer quickly: callers take a slow daemon for dead."""
        return await anyio.to_thread.run_sync(function, limiter=self._probes)

    async def run(
        self,
        request: Request,
        function: Callable[[], _Result],
        *,
        long: bool = False,
        urgent: bool = False,
        size: int = 0,
    ) -> _Result:
        """Run a function and return its result; work on a large text of `size` characters waits for its caller's turn.

        Raises ClientGone, Busy when short work takes too long, and what the function raises.
        """
        scope = CancelScope()
        gone = asyncio.Event()

        def hang_up() -> None:
            gone.set()
            scope.cancel()

        request.scope[HANG_UPS].add(hang_up)
        try:
            if not size:
                return await self.call(scope, function, long=long, urgent=urgent)
            async with self.turns.turn(caller_of(request.scope), size):
                return await self.call(scope, function)
        except FutureCancelled:
            if gone.is_set():
                raise ClientGone from None
            raise shutting_down() from None
        finally:
            request.scope[HANG_UPS].discard(hang_up)

    async def run_shared(self, request: Request, key: Hashable, function: Callable[[], _Result]) -> _Result:
        """Run a long function once for all requests that ask for the same `key` before it begins.

        Raises what `run` raises.
        """
        work = partial(self.call, CancelScope(), function, long=True)
        answer = asyncio.ensure_future(self._shared.result(key, work))
        gone = asyncio.Event()

        def hang_up() -> None:
            gone.set()
            answer.cancel()

        request.scope[HANG_UPS].add(hang_up)
        try:
            result: _Result = await answer
            return result
        except asyncio.CancelledError:
            if gone.is_set():
                raise ClientGone from None
            answer.cancel()
            raise
        except FutureCancelled:
            raise shutting_down() from None
        finally:
            request.scope[HANG_UPS].discard(hang_up)

    async def call(
        self, scope: CancelScope, function: Callable[[], _Result], *, long: bool = False, urgent: bool = False
    ) -> _Result:
        """Run a function for callers that watch their client themselves: cancelling this task drops the work."""

        def work() -> _Result:
            if not urgent:
                precedence.give_way()
            with scope.entered():
                return function()

        limiter = self._long if long else self._urgent if urgent else self._short
        with self._in_flight.work(scope, long=long):
            task = asyncio.ensure_future(anyio.to_thread.run_sync(work, limiter=limiter))
            try:
                done, _ = await asyncio.wait({task}, timeout=None if long else WORK_SECONDS)
            except asyncio.CancelledError:
                scope.cancel()
                task.add_done_callback(_abandoned)
                raise
            if not done:
                scope.cancel()
                with suppress(FutureCancelled):
                    await task
                raise Busy(f"the work took longer than {WORK_SECONDS:g} s; ask for less at once", 1.0)
            return task.result()


def _abandoned(task: asyncio.Future[Any]) -> None:
    """Take the outcome of work whose caller has gone: that it was cancelled, or refused, is nobody's concern."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, FutureCancelled | InstructorError):
        logger.error("work failed after its caller had gone", exc_info=error)


def shutting_down() -> DaemonUnavailable:
    """Return the error of a request that the shutdown interrupts; our client repeats it if that is safe."""
    return DaemonUnavailable("the service is shutting down; try again")


async def embed(
    request: Request, engine: Engine, texts: list[str], instruction: str, role: Role, priority: Priority
) -> Embeddings:
    """Embed without a thread, because many small requests wait for one pass. Raises ClientGone, Busy, ModelLoading."""
    return await _Embedding(engine).answer(request, texts, instruction, role, priority)


class _Embedding:
    """Waits for the engine's answer to one request, its client's disconnect, or the time limit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Embeddings] = self._loop.create_future()
        self._timer = self._loop.call_later(engine.settings.load_wait, self._look_up)

    async def answer(
        self, request: Request, texts: list[str], instruction: str, role: Role, priority: Priority
    ) -> Embeddings:
        # A callback instead of a task that waits for the disconnect: a task costs more than all else here.
        request.scope[HANG_UPS].add(self._hang_up)
        future: Future[Embeddings] | None = None
        try:
            future = self._engine.submit(texts, instruction, role=role, priority=priority)
            future.add_done_callback(self._hand_over)
            return await self._answer
        finally:
            self._timer.cancel()
            request.scope[HANG_UPS].discard(self._hang_up)
            if future is not None:
                # The engine drops what it has not begun.
                future.cancel()

    def _hang_up(self) -> None:
        self._give_up(ClientGone())

    def _give_up(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)

    def _look_up(self) -> None:
        """Give up if the model is still loading after the wait for it, else wait for the work."""
        if self._engine.loading:
            self._give_up(self._engine.loading_error())
        else:
            late = Busy(f"the model did not get to this within {WORK_SECONDS:g} s; try again", 5.0)
            self._timer = self._loop.call_later(WORK_SECONDS, self._give_up, late)

    def _hand_over(self, future: Future[Embeddings]) -> None:
        """Give the engine's outcome to the event loop; called in the engine's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, future)

    def _settle(self, future: Future[Embeddings]) -> None:
        if self._answer.done() or future.cancelled():
            return
        if (error := future.exception()) is not None:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(future.result())
