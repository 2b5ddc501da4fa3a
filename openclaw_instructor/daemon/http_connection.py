"""Speak HTTP/1.1 over a connected socket: one request after the other, with the parser that the daemon reads by.

Importing it costs less than `http.client`, and a request a quarter of what it takes there.
"""

from __future__ import annotations

import math
import os
import re
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

SLOW_SECONDS = 2.0  # without a byte of the answer, after which whoever waits is told
HEAD_BYTES = 64 << 10
_PIECE = 256 << 10
_Result = TypeVar("_Result")
_CONTROL = re.compile("[\0-\x1f\x7f]")


class Broken(Exception):
    """The connection broke after the request was sent; whether it was carried out is not known."""


@dataclass(frozen=True)
class Outgoing:
    """One request. `timeout` is in seconds for each piece of the answer, None for no limit.

    `deadline`, in monotonic time, is for all of the answer. `on_slow` is called once if the daemon takes long.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    timeout: float | None = None
    deadline: float = math.inf
    on_slow: Callable[[], None] = lambda: None

    def encoded(self, host: str) -> bytes:
        """Return the bytes of the request. Raises ValueError for what no header can hold."""
        headers = {"Host": host, **self.headers}
        if self.content is not None:
            headers["Content-Length"] = str(len(self.content))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if any(map(_CONTROL.search, lines)) or " " in self.path:
            raise ValueError("a header or the path of a request holds a control character or a space")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (self.content or b"")


class HttpConnection:
    """A connection that is kept between requests. Not thread-safe. `host` is what its requests call the other side."""

    def __init__(self, connected: socket.socket, host: str) -> None:
        self.socket = connected
        self._host = host
        self._process = os.getpid()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def is_quiet(self) -> bool:
        """Whether the other side has neither closed the connection nor sent what nobody asked for.

        Never in a forked process, whose parent would read its answers.
        """
        if os.getpid() != self._process:
            return False
        poll = select.poll()
        try:
            poll.register(self.socket, select.POLLIN)
            return not poll.poll(0)
        except (OSError, ValueError):
            return False

    def send(self, outgoing: Outgoing) -> Reply:
        """Send a request and wait for the head of its answer. Raises Broken, TimeoutError, ValueError."""
        left = memoryview(outgoing.encoded(self._host))
        waiting = _Waiting(self.socket, outgoing)
        # Of a large body that is refused only a part may be taken; the answer says why.
        with _breaks(), suppress(BrokenPipeError, ConnectionResetError):
            while left:
                left = left[waiting.until(partial(self.socket.send, left)) :]
        return Reply(waiting)


class Reply:
    """The head of an answer, and its body to be read once. Reading raises Broken and TimeoutError."""

    def __init__(self, waiting: _Waiting) -> None:
        self._waiting = waiting
        self._answer = _Answer()
        self._parser = HttpResponseParser(self._answer)
        received = 0
        while not self._answer.begun:
            received += self._receive()
            if received > HEAD_BYTES and not self._answer.begun:
                raise Broken("the head of the answer has no end")
        self.status: int = self._parser.get_status_code()
        self.content_type = self._answer.content_type

    @property
    def is_over(self) -> bool:
        """Whether all of it was received and the connection takes another request."""
        return self._answer.ended and not self._answer.closes

    def read(self, most: int | None = None) -> bytes:
        """Read the whole body; Broken if it is longer than `most` bytes."""
        while True:
            if most is not None and sum(map(len, self._answer.body)) > most:
                raise Broken("the answer is too long")
            if self._answer.ended:
                break
            self._receive()
        return b"".join(self._answer.taken())

    def lines(self) -> Iterator[bytes]:
        """Read the body line by line as it arrives."""
        rest = b""
        while True:
            *lines, rest = (rest + b"".join(self._answer.taken())).split(b"\n")
            yield from lines
            if self._answer.ended:
                break
            self._receive()
        if rest:
            yield rest

    def _receive(self) -> int:
        with _breaks():
            piece = self._waiting.until(partial(self._waiting.socket.recv, _PIECE))
            self._parser.feed_data(piece)
        if not piece:
            raise Broken("the connection was closed")
        return len(piece)


class _Waiting:
    """Waits for a socket as long as a request allows, and tells once that it takes long."""

    def __init__(self, connected: socket.socket, outgoing: Outgoing) -> None:
        self.socket = connected
        self._timeout = math.inf if outgoing.timeout is None else outgoing.timeout
        self._deadline = outgoing.deadline
        self._on_slow: Callable[[], None] | None = outgoing.on_slow

    def until(self, operation: Callable[[], _Result]) -> _Result:
        """Return the result of an operation of the socket. Raises OSError, TimeoutError."""
        if self._on_slow is not None and self._seconds_left() > SLOW_SECONDS:
            self.socket.settimeout(SLOW_SECONDS)
            try:
                return operation()
            except TimeoutError:
                self._on_slow()
                self._on_slow = None
        seconds = self._seconds_left()
        self.socket.settimeout(None if math.isinf(seconds) else seconds)
        return operation()

    def _seconds_left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not arrive in time")
        return min(self._timeout, left)


@contextmanager
def _breaks() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise
    except (OSError, HttpParserError, HttpParserUpgrade) as error:
        raise Broken(type(error).__name__) from None


class _Answer:
    """What the parser has found so far, by its callbacks."""

    def __init__(self) -> None:
        self.content_type = ""
        self.begun = self.ended = self.closes = False
        self.body: list[bytes] = []

    def taken(self) -> list[bytes]:
        body, self.body = self.body, []
        return body

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"content-type":
                self.content_type = value.decode("latin-1")
            case b"connection":
                self.closes = value.lower() != b"keep-alive"

    def on_headers_complete(self) -> None:
        self.begun = True

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.ended = True
