"""Answer with lines of JSON while the work goes on in a thread; the last line is its result or its error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from openclaw_instructor.daemon.wire_errors import body_of, unexpected
from openclaw_instructor.engine import CancelScope
from openclaw_instructor.errors import Busy, InstructorError
from openclaw_instructor.server.threadpool import ThreadPool
from openclaw_instructor.text import clean_all

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/x-ndjson"
Work = Callable[[Callable[[Any], None]], Any]
"""Calls its argument with each line, and returns the last one."""


def progress(tell: Callable[[Any], None]) -> Callable[[int, int, str], None]:
    """Return what tells each step of the work as a line."""
    return lambda done, total, message: tell({"progress": (done, total, message)})


def answer(threads: ThreadPool, work: Work, *, latest_only: bool = False) -> Response:
    """Stream the lines of the work; with `latest_only`, a line that was not sent yet is replaced by the next."""
    return StreamingResponse(_lines(threads, work, latest_only), media_type=MEDIA_TYPE)


async def _lines(threads: ThreadPool, work: Work, latest_only: bool) -> AsyncIterator[bytes]:
    waiting: list[Any] = []
    news = asyncio.Event()
    loop = asyncio.get_running_loop()

    def put(line: Any) -> None:
        waiting[:] = [line] if latest_only else [*waiting, line]
        news.set()

    def tell(line: Any) -> None:
        loop.call_soon_threadsafe(put, line)

    task = asyncio.ensure_future(threads.call(CancelScope(), lambda: work(tell), long=True))
    task.add_done_callback(lambda _: news.set())
    try:
        while not task.done():
            await news.wait()
            news.clear()
            if not (latest_only and task.done()):
                for line in waiting:
                    yield _encoded(line)
            waiting.clear()
        if not latest_only:
            for line in waiting:
                yield _encoded(line)
        yield _encoded(_outcome(task))
    finally:
        # The client has disconnected: what is done stays.
        task.cancel()


def _encoded(line: Any) -> bytes:
    try:
        return orjson.dumps(line) + b"\n"
    except orjson.JSONEncodeError:
        return orjson.dumps(clean_all(line)) + b"\n"


def _outcome(task: asyncio.Future[Any]) -> Any:
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, CancelledError):
        error = Busy("the service ended while it worked; what was done stays, and trying again goes on", 1.0)
    if isinstance(error, InstructorError):
        return body_of(error)
    logger.error("an unexpected error", exc_info=error)
    return body_of(unexpected(error))
