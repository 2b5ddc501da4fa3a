"""Limit the head of a request in time and size, and notice when a client disconnects.

uvicorn has no such limits of its own: a client that sends one byte now and then would keep a connection for ever, and
one that never ends its head would fill memory.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openclaw_instructor.server.refusal import Receive, Refusal, Send, refuse

HEAD_SECONDS = 10.0
HEAD_BYTES = 64 << 10
NEWCOMERS = 128
HANG_UPS = "hang_ups"  # in the ASGI scope: functions to be called when the client disconnects
PEER = "peer"  # in the ASGI scope: the process at the other end of a Unix socket, or the address of a TCP connection
KNOWN = "known"  # in the ASGI scope: a function to be called once the client has authenticated


class Newcomers:
    """The TCP connections without a valid token so far, limited so that they do not displace authenticated ones.

    The oldest idle one is closed when there are too many, because a health check is recent.
    """

    def __init__(self, limit: int = NEWCOMERS) -> None:
        self._limit = limit
        self._held: dict[LimitedProtocol, None] = {}

    def add(self, protocol: LimitedProtocol) -> None:
        """Add a connection, and close the oldest idle one if there are too many."""
        self._held[protocol] = None
        if len(self._held) > self._limit:
            idle = next((held for held in self._held if held.is_idle and held is not protocol), None)
            if idle is not None:
                self.discard(idle)
                idle.transport.close()

    def discard(self, protocol: LimitedProtocol) -> None:
        """Remove a connection that has authenticated or is closed."""
        self._held.pop(protocol, None)


class LimitedProtocol(HttpToolsProtocol):
    """Closes a connection whose request head is not complete after `head_seconds`, or longer than HEAD_BYTES.

    Refuses requests while there are as many connections as uvicorn's `limit_concurrency`, all but those to /health: who
    gets no answer there takes the daemon for hung and ends it.
    """

    head_seconds = HEAD_SECONDS
    newcomers = Newcomers()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._application = self.app
        self._most, self.limit_concurrency = self.limit_concurrency, None
        self._head_deadline: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        self._peer = ""
        self._hang_ups: set[Callable[[], object]] = set()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit of the head, and count a TCP connection among the newcomers."""
        super().connection_made(transport)
        self._await_head()
        # Only the owner can open the Unix socket.
        connection = transport.get_extra_info("socket")
        if connection.family == socket.AF_UNIX:
            self._peer = _process_of(connection)
        else:
            self._peer = str((transport.get_extra_info("peername") or [""])[0])
            self.newcomers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection and call the functions registered for a disconnect."""
        self._head_arrived()
        self.newcomers.discard(self)
        super().connection_lost(exc)
        for told in list(self._hang_ups):
            told()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def on_message_begin(self) -> None:
        """Begin the head of a request, and put the connection's callbacks into its scope."""
        super().on_message_begin()
        self.scope[HANG_UPS] = self._hang_ups  # type: ignore[literal-required]
        self.scope[PEER] = self._peer  # type: ignore[literal-required]
        self.scope[KNOWN] = partial(self.newcomers.discard, self)  # type: ignore[literal-required]
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """End the head of a request, and refuse it where there are too many."""
        self._in_head = False
        crowded = self._most is not None and max(len(self.connections), len(self.tasks)) >= self._most
        self.app = _refuse_more if crowded and self.url.partition(b"?")[0] != b"/health" else self._application
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request, and keep reading so that a disconnect is noticed."""
        super().on_message_complete()
        # For a large body uvicorn pauses reading until more of it is requested, which never happens after the last
        # part; and a disconnect is only noticed while reading.
        if not self.pipeline:
            self.flow.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; refuse a head over `HEAD_BYTES`."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")
        elif self.cycle is not None and not self.cycle.response_complete:
            self._head_arrived()
        elif self._head_deadline is None:
            # The first bytes of another request on this connection.
            self._await_head()

    def _await_head(self) -> None:
        self._head_deadline = self.loop.call_later(self.head_seconds, self._give_up)

    def _head_arrived(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _give_up(self) -> None:
        self._head_deadline = None
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()


async def _refuse_more(scope: Any, receive: Receive, send: Send) -> None:
    message = "the daemon has as many connections as it takes; close some, or try again in a moment"
    await refuse(send, Refusal(429, "busy", message), receive, close=True)


def _process_of(connection: socket.socket) -> str:
    """Name the process at the other end of a Unix socket; "" where the system does not say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return ""
    try:
        pid, *_ = struct.unpack(
            "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        )
    except OSError:
        return ""
    return f"process {pid}"
