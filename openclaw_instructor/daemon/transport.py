"""Send requests to the daemon over connections that are kept, each of which leads to the daemon and nobody else.

Over TCP the other side has to prove on every new connection that it is the daemon, before a token or a text is sent:
after a daemon has ended, anybody may hold its port. Only this user can listen on the Unix socket.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from openclaw_instructor.daemon.endpoint import CHALLENGE_HEADER, Endpoint, proof
from openclaw_instructor.daemon.http_connection import Broken, HttpConnection, Outgoing, Reply

PROBE_SECONDS = 10.0
KEEP_SECONDS = 60.0  # less than the daemon keeps an idle connection
_KEPT = 8  # idle connections
_PROOF_BYTES = 64 << 10
_FULL_SECONDS = 0.01  # between two tries to enter the queue of a socket


class NotSent(Exception):
    """No token or text was sent: nothing listens, or something else than the daemon."""


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

    def detach(self) -> None:
        """Leave the connection alone from now on: it carries other calls."""
        with self._lock:
            self._socket = None


class Transport:
    """Sends requests. Thread-safe: each call has a connection of its own, which a later call uses again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Endpoint, HttpConnection, float]] = []

    @contextmanager
    def send(self, endpoint: Endpoint, outgoing: Outgoing, cancellation: Cancellation | None = None) -> Iterator[Reply]:
        """Send a request and yield its reply, which is read inside the `with`.

        `cancellation` breaks it off from another thread. Raises NotSent, Broken, TimeoutError and Cancelled; inside the
        `with` too.
        """
        cancellation = cancellation or Cancellation()
        connection: HttpConnection | None = None
        reply: Reply | None = None
        try:
            connection = self._take(endpoint, cancellation, outgoing.deadline)
            reply = connection.send(outgoing)
            yield reply
        except (NotSent, Broken):
            if cancellation.cancelled:
                raise Cancelled from None
            raise
        finally:
            cancellation.detach()
            if connection is not None:
                self._give_back(endpoint, connection, keep=reply is not None and reply.is_over)

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection, _ in idle:
            connection.close()

    def _take(self, endpoint: Endpoint, cancellation: Cancellation, deadline: float) -> HttpConnection:
        while (kept := self._kept(endpoint)) is not None:
            if kept.is_quiet():
                cancellation.attach(kept.socket)
                return kept
            kept.close()
        return _connected(endpoint, cancellation, min(deadline, time.monotonic() + PROBE_SECONDS))

    def _kept(self, endpoint: Endpoint) -> HttpConnection | None:
        """Take the connection to this endpoint that was used last; those to others, or too old, are closed."""
        oldest = time.monotonic() - KEEP_SECONDS
        with self._lock:
            usable = [each for each in self._idle if each[0] == endpoint and each[2] > oldest]
            stale = [each for each in self._idle if each not in usable] if len(usable) < len(self._idle) else []
            self._idle = usable
            taken = usable.pop()[1] if usable else None
        for _, connection, _ in stale:
            connection.close()
        return taken

    def _give_back(self, endpoint: Endpoint, connection: HttpConnection, *, keep: bool) -> None:
        with self._lock:
            if keep and len(self._idle) < _KEPT:
                self._idle.append((endpoint, connection, time.monotonic()))
                return
        connection.close()


def health(endpoint: Endpoint, timeout: float | None = None) -> dict[str, Any] | None:
    """Return what /health tells a holder of the token; None if nothing answers in time, or something else."""
    headers = {"Authorization": f"Bearer {endpoint.token}"}
    transport = Transport()
    try:
        probe = Outgoing("GET", "/health", headers, deadline=time.monotonic() + (timeout or PROBE_SECONDS))
        with transport.send(endpoint, probe) as reply:
            answer = json.loads(reply.read())
    except (NotSent, Broken, OSError, ValueError):
        return None
    finally:
        transport.close()
    return answer if isinstance(answer, dict) and answer.get("pid") == endpoint.pid else None


def challenge() -> str:
    """Draw a challenge."""
    return secrets.token_hex(16)


def is_proven(endpoint: Endpoint, asked: str, answer: bytes) -> bool:
    """Whether the body of /health answers the challenge `asked` as this daemon does."""
    try:
        given = json.loads(answer).get("proof")
    except (ValueError, AttributeError, RecursionError):
        return False
    expected = proof(endpoint.agent_token, asked, endpoint.address[1])
    return isinstance(given, str) and given.isascii() and secrets.compare_digest(given, expected)


def _connected(endpoint: Endpoint, cancellation: Cancellation, deadline: float) -> HttpConnection:
    """Connect to the daemon: over its Unix socket, which only this user can make, or over TCP with a proof."""
    opened = _open_unix_socket(endpoint.socket, deadline) if endpoint.socket else _open_tcp(endpoint.address, deadline)
    host, port = endpoint.address
    connection = HttpConnection(opened, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    try:
        cancellation.attach(opened)
        if not endpoint.socket:
            _demand_proof(endpoint, connection, deadline)
    except BaseException:
        connection.close()
        raise
    return connection


def _demand_proof(endpoint: Endpoint, connection: HttpConnection, deadline: float) -> None:
    asked = challenge()
    # For all of the answer, because a stranger could send it byte by byte.
    question = Outgoing("GET", "/health", {CHALLENGE_HEADER: asked}, deadline=deadline)
    try:
        reply = connection.send(question)
        proven = is_proven(endpoint, asked, reply.read(_PROOF_BYTES))
    except (Broken, OSError) as error:
        raise NotSent(str(error)) from None
    if not proven:
        raise NotSent("somebody else listens there")
    if not reply.is_over:
        raise NotSent("the daemon does not keep its connections")


def _open_unix_socket(path: str, deadline: float) -> socket.socket:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.settimeout(_seconds_until(deadline))
        _connect_when_possible(opened, path, deadline)
    except OSError as error:
        opened.close()
        raise NotSent(error.strerror or str(error)) from None
    return opened


def _connect_when_possible(opened: socket.socket, path: str, deadline: float) -> None:
    """Connect. Linux refuses at once while too many wait to be accepted, which does not mean that the daemon hangs."""
    while True:
        try:
            opened.connect(path)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_FULL_SECONDS)


def _open_tcp(address: tuple[str, int], deadline: float) -> socket.socket:
    try:
        opened = socket.create_connection(address, _seconds_until(deadline))
        # Without waiting for the acknowledgement of what was sent before.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise NotSent(str(error)) from None
    return opened


def _seconds_until(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())
