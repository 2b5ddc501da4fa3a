"""Who may ask and how much: Host, Origin, bearer token, size and patience. Plain ASGI, around every route.

A web page in the user's browser can send requests to 127.0.0.1, directly or through a name that it rebinds there.
Such requests carry an Origin or a Host that is not ours, and never the token.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MAX_BODY = 32 << 20
BODY_SECONDS = 30.0
_DRAIN = 256 << 20  # how much of a body that is too large is read off, so that its sender sees the answer
OPEN_PATHS = frozenset({"/health"})


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses with 403 (host, origin), 401 (token), 413 (size), 408 (patience) before any route sees the request."""

    def __init__(self, app: App, token: str, *, loopback: bool) -> None:
        self._app = app
        self._token = token.encode()
        self._loopback = loopback

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        scope["authorized"] = authorized = self._authorized(headers)
        refusal = self._refusal(scope["path"], headers, authorized)
        if refusal is not None:
            status, code, message = refusal
            await _drain(receive)
            await refuse(send, status, code, message)
            return
        await self._limited(scope, headers, receive, send)

    def _refusal(self, path: str, headers: dict[bytes, str], authorized: bool) -> tuple[int, str, str] | None:
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        name = _hostname(f"//{host}")
        if self._loopback and not is_loopback(name):
            return (
                403,
                "forbidden_host",
                "the Host header names another machine; use the URL that `daemon ensure` gives",
            )
        if origin is not None and not (is_loopback(_hostname(origin)) if self._loopback else _netloc(origin) == host):
            return 403, "forbidden_origin", "web pages of other sites may not use this service"
        if path not in OPEN_PATHS and not authorized:
            return (
                401,
                "unauthorized",
                "send `Authorization: Bearer TOKEN`; `openclaw-instructor daemon ensure` prints it",
            )
        return None

    def _authorized(self, headers: dict[bytes, str]) -> bool:
        scheme, _, given = headers.get(b"authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), self._token)

    async def _limited(
        self, scope: MutableMapping[str, Any], headers: dict[bytes, str], receive: Receive, send: Send
    ) -> None:
        """Read the body here, within its limits, and hand it to the route whole."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(receive, headers.get(b"content-length", ""))
        except TimeoutError:
            await refuse(send, 408, "timeout", f"the request did not arrive within {BODY_SECONDS:g} s", close=True)
            return
        if body is None:
            await refuse(send, 413, "too_large", f"the request is larger than {MAX_BODY >> 20} MiB; send less at once")
            return
        told = False

        async def replay() -> Message:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


async def refuse(send: Send, status: int, code: str, message: str, *, close: bool = False) -> None:
    """Answer with the error object of this package."""
    body = orjson.dumps({"error": {"code": code, "message": message}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive, announced: str) -> bytes | None:
    """The body, or None when it is too large; then it is read off without being kept."""
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


async def _drain(receive: Receive) -> None:
    """Read off the body of a refused request, for a moment: a sender that is cut off never sees the answer."""
    deadline = time.monotonic() + 1.0
    try:
        async with asyncio.timeout(1.0):
            while time.monotonic() < deadline:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""
