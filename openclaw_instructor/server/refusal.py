"""Refuse a request with an error object, before any route or framework sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_DRAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: status, stable code, and a message with the fix."""

    status: int
    code: str
    message: str


def openai_fields(status: int, param: str | None = None) -> dict[str, str | None]:
    """Return what OpenAI's error objects have beside `code` and `message`, for the clients that read it."""
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    return {"type": kind, "param": param}


async def refuse(send: Send, refusal: Refusal, receive: Receive | None = None, *, close: bool = False) -> None:
    """Answer with this package's error object; with `receive`, after reading the rest of the request's body."""
    if receive is not None:
        await _drain(receive)
    error = {"code": refusal.code, "message": refusal.message}
    body = orjson.dumps({"error": error | openai_fields(refusal.status)})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _drain(receive: Receive) -> None:
    """Read and drop the body of a refused request for a moment, because a client still sending sees no answer."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while time.monotonic() < deadline:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
