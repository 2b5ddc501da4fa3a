"""Read the body of a request within limits of size and time, before any route sees it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import MutableMapping
from typing import Any

from openclaw_instructor.server.refusal import App, Message, Receive, Refusal, Send, refuse

# A mail of 50 MB in base64, and the JSON around it.
MAX_BODY = 72 << 20
BODY_SECONDS = 30.0
# Values in a body: 20,000 texts with their ids are the most that any route takes.
MAX_VALUES = 100_000
FILE_TYPE = "application/octet-stream"
_SMALL = 1 << 20
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_DRAIN = 256 << 20  # how much of a too large body is read and dropped, so that its sender sees the answer


class BodyLimit:
    """Passes the complete body to the application. Refuses with 413 (size) and 408 (time)."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Read the whole body before the application runs; refuse one that is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(receive, announced.decode("latin-1"))
        except TimeoutError:
            late = Refusal(408, "timeout", f"the request did not arrive within {BODY_SECONDS:g} s")
            await refuse(send, late, close=True)
            return
        if body is None:
            message = f"the request is larger than {MAX_BODY >> 20} MiB; send less at once"
            await refuse(send, Refusal(413, "too_large", message))
            return
        if len(body) > _SMALL and not is_file(scope) and await asyncio.to_thread(_values, body) > MAX_VALUES:
            # Each costs a hundred bytes of memory and the event loop's time.
            message = f"the request holds more than {MAX_VALUES:,} values; send less at once"
            await refuse(send, Refusal(413, "too_large", message))
            return
        told = False

        async def replay() -> Message:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


def is_file(scope: MutableMapping[str, Any]) -> bool:
    """Whether the body is a file as it is, which no route may read as JSON."""
    return any(name == b"content-type" and value == FILE_TYPE.encode() for name, value in scope["headers"])


def _values(body: bytes) -> int:
    """Estimate how many values a JSON text holds; what stands within its strings is none."""
    count = sum(map(body.count, (b",", b"[", b"{")))
    return count if count <= MAX_VALUES else sum(map(_STRING.sub(b"", body).count, (b",", b"[", b"{")))


async def _read(receive: Receive, announced: str) -> bytes | None:
    """Read the body; None if it is too large, after reading and dropping it."""
    parts: list[bytes] = []
    size = 0
    too_large = announced.isdigit() and int(announced) > MAX_BODY
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        size += len(message.get("body", b""))
        too_large = too_large or size > MAX_BODY
        if too_large:
            parts.clear()
        else:
            parts.append(message.get("body", b""))
        if not message.get("more_body") or size > _DRAIN:
            return None if too_large else b"".join(parts)
