"""Send a request to the daemon: the protocol of a transport, and the one that needs no slow import.

`StandardTransport` is on the standard library: importing httpx costs more than a whole first call of the command line.
Everything that lives longer uses `httpx_transport`. Over TCP both make the other side prove that it is the daemon, on
every new connection, before a token or a text is sent: after a daemon has ended, anybody may hold its port.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from openclaw_instructor.daemon.endpoint import CHALLENGE_HEADER, Endpoint, proof

PROBE_SECONDS = 10.0
_PROOF_BYTES = 64 << 10


class NotSent(Exception):
    """No token or text was sent: nothing listens, or something else than the daemon."""


class Broken(Exception):
    """The connection broke after the request was sent; whether it was carried out is not known."""


class Cancelled(Exception):
    """The caller gave up waiting."""


class Cancellation:
    """Lets one thread end a call that another thread waits for; the daemon then drops its work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """End the call; one that has not begun raises Cancelled when it begins."""
        with self._lock:
            self.cancelled = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def attach(self, connected: socket.socket) -> None:
        """Close this connection on cancellation. Raises Cancelled if it was cancelled before."""
        with self._lock:
            if self.cancelled:
                raise Cancelled
            self._socket = connected


@dataclass(frozen=True)
class Outgoing:
    """One request. `timeout` is in seconds, None for no limit."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    timeout: float | None = None


class Reply(Protocol):
    """The head of an answer, and its body to be read once."""

    @property
    def status(self) -> int:
        """The HTTP status code."""
        ...

    @property
    def content_type(self) -> str:
        """The media type of the body, as its header gives it."""
        ...

    def read(self) -> bytes:
        """Read the whole body."""
        ...

    def lines(self) -> Iterator[bytes]:
        """Read the body line by line as it arrives."""
        ...


class Transport(Protocol):
    """Sends requests. Reading the answer belongs inside the `with`.

    Raises NotSent, Broken, TimeoutError, Cancelled; inside the `with` too.
    """

    def send(
        self, endpoint: Endpoint, outgoing: Outgoing, cancellation: Cancellation | None = None
    ) -> AbstractContextManager[Reply]:
        """Send a request and yield its reply; `cancellation` breaks it off from another thread."""
        ...

    def close(self) -> None:
        """Close the connections that are kept."""
        ...


class StandardTransport:
    """Opens a connection for each call, with `http.client`."""

    @contextmanager
    def send(self, endpoint: Endpoint, outgoing: Outgoing, cancellation: Cancellation | None = None) -> Iterator[Reply]:
        """Send a request on a new connection; read the reply inside the `with`."""
        connection = _connected(endpoint, outgoing.timeout)
        try:
            if cancellation:
                cancellation.attach(connection.sock)
            with _breaks(cancellation):
                connection.request(outgoing.method, outgoing.path, outgoing.content, dict(outgoing.headers))
                response = connection.getresponse()
            yield _StandardReply(response, cancellation)
        finally:
            connection.close()

    def close(self) -> None:
        """Do nothing: no connection is kept."""


class _StandardReply:
    def __init__(self, response: http.client.HTTPResponse, cancellation: Cancellation | None) -> None:
        self._response = response
        self._cancellation = cancellation
        self.status = response.status
        self.content_type = response.getheader("Content-Type") or ""

    def read(self) -> bytes:
        with _breaks(self._cancellation):
            return self._response.read()

    def lines(self) -> Iterator[bytes]:
        with _breaks(self._cancellation):
            yield from self._response


def health(endpoint: Endpoint, timeout: float | None = None) -> dict[str, Any] | None:
    """Return what /health tells a holder of the token; None if nothing answers, or something else than the daemon."""
    headers = {"Authorization": f"Bearer {endpoint.token}"}
    try:
        probe = Outgoing("GET", "/health", headers, timeout=timeout or PROBE_SECONDS)
        with StandardTransport().send(endpoint, probe) as reply:
            answer = json.loads(reply.read())
    except (NotSent, Broken, OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) and answer.get("pid") == endpoint.pid else None


def challenge() -> str:
    """Draw a challenge."""
    return secrets.token_hex(16)


def is_proven(endpoint: Endpoint, asked: str, answer: bytes) -> bool:
    """Whether the body of /health answers the challenge `asked` as this daemon does."""
    try:
        given = json.loads(answer).get("proof")
    except (ValueError, AttributeError):
        return False
    expected = proof(endpoint.agent_token, asked, endpoint.address[1])
    return isinstance(given, str) and secrets.compare_digest(given.encode(), expected.encode())


def open_unix_socket(path: str, timeout: float | None) -> socket.socket:
    """Connect to a Unix socket. Raises NotSent."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.settimeout(timeout)
        connected.connect(path)
    except OSError as error:
        connected.close()
        raise NotSent(error.strerror or str(error)) from None
    return connected


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = open_unix_socket(self._path, self.timeout)


def _connected(endpoint: Endpoint, timeout: float | None) -> http.client.HTTPConnection:
    """Connect to the daemon: over its Unix socket, which only this user can make, or over TCP with a proof."""
    if endpoint.socket:
        unix = _UnixConnection(endpoint.socket, timeout)
        unix.connect()
        return unix
    connection = http.client.HTTPConnection(*endpoint.address, timeout=min(timeout or PROBE_SECONDS, PROBE_SECONDS))
    try:
        connection.connect()
        # Never reconnect automatically: the new connection would not be verified.
        connection.auto_open = 0
        asked = challenge()
        connection.request("GET", "/health", headers={CHALLENGE_HEADER: asked})
        response = connection.getresponse()
        proven = is_proven(endpoint, asked, response.read(_PROOF_BYTES))
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise NotSent(str(error)) from None
    if not proven or connection.sock is None:
        connection.close()
        raise NotSent("somebody else listens there")
    connection.sock.settimeout(timeout)
    return connection


@contextmanager
def _breaks(cancellation: Cancellation | None) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException) as error:
        if cancellation and cancellation.cancelled:
            raise Cancelled from None
        raise Broken(type(error).__name__) from None
