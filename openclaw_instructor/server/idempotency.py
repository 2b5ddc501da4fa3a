"""Answer a repeated `Idempotency-Key` with what the first request was answered.

Only for requests that change something, and only for a while: the memory is bounded in entries, bytes and time, and
ends with the process. An answer that is streamed, and one that asks to try again, is not kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response

from openclaw_instructor.errors import InvalidArguments

HEADER = "Idempotency-Key"
KEEP_SECONDS = 600.0
_ENTRIES = 256
_BYTES = 8 << 20
_LONGEST_KEY = 255

Identity = tuple[str, ...]
"""Caller, method, path and key."""


@dataclass
class _Kept:
    digest: bytes
    since: float
    task: asyncio.Task[Response]

    @property
    def size(self) -> int:
        """The size of the answer in bytes; 0 for one that is being made, that is streamed, or that failed."""
        if not self.task.done() or self.task.cancelled() or self.task.exception() is not None:
            return 0
        return len(getattr(self.task.result(), "body", b""))


class AnswerMemory:
    """Remembers recent answers. Used from the event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Identity, _Kept] = OrderedDict()

    async def answer(self, identity: Identity, body: bytes, make: Callable[[], Awaitable[Response]]) -> Response:
        """Return the remembered answer to this request, wait for it, or make it.

        The work continues when its caller disconnects, so that a repeated request gets its answer. Raises
        InvalidArguments for a key of another request, and what `make` raises.
        """
        key = identity[-1]
        if not 1 <= len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise InvalidArguments(
                f"`{HEADER}` must be 1 to {_LONGEST_KEY} plain characters; draw one for each request"
            )
        digest = hashlib.sha256(body).digest()
        kept = self._kept.get(identity)
        if kept is None:
            self._make_room()
            kept = _Kept(digest, self._clock(), asyncio.ensure_future(_made(make)))
            self._kept[identity] = kept
            kept.task.add_done_callback(partial(self._settle, identity))
        elif kept.digest != digest:
            raise InvalidArguments(f"this `{HEADER}` came with another request before; draw a new one for each")
        return _copy(await asyncio.shield(kept.task))

    def _settle(self, identity: Identity, task: asyncio.Task[Response]) -> None:
        """Keep the answer if a repeated request should get it too."""
        if task.cancelled() or task.exception() is not None or not _is_final(task.result()):
            self._kept.pop(identity, None)

    def _make_room(self) -> None:
        oldest = self._clock() - KEEP_SECONDS
        size = sum(kept.size for kept in self._kept.values())
        for identity, kept in list(self._kept.items()):
            if kept.task.done() and (kept.since < oldest or size > _BYTES or len(self._kept) >= _ENTRIES):
                size -= kept.size
                del self._kept[identity]


async def _made(make: Callable[[], Awaitable[Response]]) -> Response:
    return await make()


def _is_final(response: Response) -> bool:
    return response.status_code < 500 and response.status_code != 429 and hasattr(response, "body")


def _copy(response: Response) -> Response:
    """Copy a response for each caller; a streamed one is only for the first."""
    if not hasattr(response, "body"):
        return response
    copy = Response(response.body, response.status_code)
    copy.raw_headers = list(response.raw_headers)
    return copy
