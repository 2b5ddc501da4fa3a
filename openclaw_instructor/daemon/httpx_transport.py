"""Send many requests to the daemon over kept connections, each of which has proven to lead to the daemon."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from openclaw_instructor.daemon.endpoint import CHALLENGE_HEADER, Endpoint
from openclaw_instructor.daemon.transport import (
    PROBE_SECONDS,
    Broken,
    Cancellation,
    Cancelled,
    NotSent,
    Outgoing,
    Reply,
    challenge,
    is_proven,
    open_unix_socket,
)
from openclaw_instructor.web_client import new_client

_KEPT = 8  # idle connections


class HttpxTransport:
    """Thread-safe: each call has a connection of its own, which a later call reuses."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []

    @contextmanager
    def send(self, endpoint: Endpoint, outgoing: Outgoing, cancellation: Cancellation | None = None) -> Iterator[Reply]:
        """Send a request on a pooled connection; read the reply inside the `with`."""
        connection = self._take(endpoint)
        try:
            reply = connection.send(outgoing, cancellation)
            yield reply
            reply.close()
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self, endpoint: Endpoint) -> _Connection:
        with self._lock:
            kept = [connection for connection in self._idle if connection.endpoint == endpoint]
            stale = [connection for connection in self._idle if connection.endpoint != endpoint]
            self._idle = kept
            taken = kept.pop() if kept else None
        for connection in stale:
            connection.close()
        return taken or _Connection(endpoint)

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()


class _Reconnects(Exception):
    """A request was about to be sent over a new connection, which has not been verified."""


class _Connection:
    """Holds at most one connection to an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._client = new_client(None, socket=endpoint.socket, connections=1)
        self._base = "http://localhost" if endpoint.socket else endpoint.url
        self._socket: Any = None

    def close(self) -> None:
        self._client.close()

    def send(self, outgoing: Outgoing, cancellation: Cancellation | None) -> _HttpxReply:
        """Send and read the head of the answer; see Transport."""
        may_connect = False

        def trace(event: str, info: dict[str, Any]) -> None:
            if event in ("connection.connect_tcp.started", "connection.connect_unix_socket.started"):
                if not may_connect:
                    raise _Reconnects
            elif event in ("connection.connect_tcp.complete", "connection.connect_unix_socket.complete"):
                self._socket = info["return_value"].get_extra_info("socket")
                if cancellation:
                    _attach(cancellation, info["return_value"])

        if cancellation and self._socket is not None:
            cancellation.attach(self._socket)
        request = self._client.build_request(
            outgoing.method,
            self._base + outgoing.path,
            content=outgoing.content,
            headers=dict(outgoing.headers),
            timeout=httpx.Timeout(outgoing.timeout, connect=PROBE_SECONDS),
            extensions={"trace": trace},
        )
        with _translated(cancellation):
            try:
                response = self._client.send(request, stream=True)
            except _Reconnects:
                may_connect = self._look()
                try:
                    response = self._client.send(request, stream=True)
                except _Reconnects:
                    raise NotSent("the daemon does not keep its connections") from None
        return _HttpxReply(response, cancellation)

    def _look(self) -> bool:
        """Check that the daemon is there; return whether a new connection needs no check. Raises NotSent.

        Only this user can listen on its Unix socket. Over TCP it proves its identity on the connection that is kept.
        """
        if self.endpoint.socket:
            open_unix_socket(self.endpoint.socket, PROBE_SECONDS).close()
            return True
        asked = challenge()
        try:
            answer = self._client.get(
                f"{self._base}/health", headers={CHALLENGE_HEADER: asked}, timeout=httpx.Timeout(PROBE_SECONDS)
            )
        except httpx.HTTPError as error:
            raise NotSent(type(error).__name__) from None
        if not is_proven(self.endpoint, asked, answer.content):
            raise NotSent("somebody else listens there")
        return False


def _attach(cancellation: Cancellation, stream: Any) -> None:
    try:
        cancellation.attach(stream.get_extra_info("socket"))
    except Cancelled:
        # No other thread has it yet.
        stream.close()
        raise


class _HttpxReply:
    def __init__(self, response: httpx.Response, cancellation: Cancellation | None) -> None:
        self._response = response
        self._cancellation = cancellation
        self.status = response.status_code
        self.content_type = response.headers.get("Content-Type", "")

    def read(self) -> bytes:
        with _translated(self._cancellation):
            return self._response.read()

    def lines(self) -> Iterator[bytes]:
        with _translated(self._cancellation):
            for line in self._response.iter_lines():
                yield line.encode()

    def close(self) -> None:
        with _translated(self._cancellation):
            self._response.close()


@contextmanager
def _translated(cancellation: Cancellation | None) -> Iterator[None]:
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotSent(str(error)) from None
    except httpx.TimeoutException as error:
        raise TimeoutError(str(error)) from None
    except httpx.HTTPError as error:
        if cancellation and cancellation.cancelled:
            raise Cancelled from None
        raise Broken(type(error).__name__) from None
