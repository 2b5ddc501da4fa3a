"""Requests and answers over a socket whose other side the test plays."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from openclaw_instructor.daemon import http_connection
from openclaw_instructor.daemon.http_connection import Broken, HttpConnection, Outgoing

ASKED = Outgoing("GET", "/health", {"Accept": "application/json"}, timeout=60)


@pytest.fixture
def sides() -> Iterator[tuple[HttpConnection, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield HttpConnection(ours, "localhost"), theirs


def chunked(*pieces: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def test_one_connection_carries_request_after_request(sides: tuple[HttpConnection, socket.socket]) -> None:
    connection, daemon = sides
    for body in (b"", b"{}", b"x" * 100_000):
        daemon.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        reply = connection.send(Outgoing("POST", "/v1/embeddings", {"Accept": "*/*"}, b"body", 60))
        assert (reply.status, reply.read(), reply.is_over) == (200, body, True)
        assert daemon.recv(4_096) == (
            b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nContent-Length: 4\r\n\r\nbody"
        )
    assert connection.is_quiet()


def test_lines_arrive_whole_however_they_are_cut(sides: tuple[HttpConnection, socket.socket]) -> None:
    connection, daemon = sides
    daemon.sendall(chunked(b'{"progress"', b": 1}\n{}\n", b"end"))
    reply = connection.send(ASKED)
    assert reply.content_type == "application/x-ndjson"
    assert list(reply.lines()) == [b'{"progress": 1}', b"{}", b"end"]
    assert reply.is_over


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf",
        b"not a protocol at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * http_connection.HEAD_BYTES,
    ],
)
def test_an_answer_that_is_none_is_a_broken_connection(
    sides: tuple[HttpConnection, socket.socket], answer: bytes
) -> None:
    connection, daemon = sides
    daemon.sendall(answer)
    daemon.shutdown(socket.SHUT_WR)
    with pytest.raises(Broken):
        connection.send(ASKED).read()
    assert not connection.is_quiet()


def test_an_answer_longer_than_is_read_is_refused(sides: tuple[HttpConnection, socket.socket]) -> None:
    connection, daemon = sides
    daemon.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + b"x" * 90)
    with pytest.raises(Broken, match="too long"):
        connection.send(ASKED).read(80)


def test_a_connection_that_is_to_be_closed_is_not_kept(sides: tuple[HttpConnection, socket.socket]) -> None:
    connection, daemon = sides
    daemon.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
    reply = connection.send(ASKED)
    assert (reply.status, reply.read(), reply.is_over) == (413, b"{}", False)


def test_a_large_body_that_nobody_takes_is_answered_all_the_same() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}")
        theirs.close()
        refused = HttpConnection(ours, "localhost").send(Outgoing("POST", "/", {}, b"x" * 10_000_000, 60))
        assert (refused.status, refused.read()) == (413, b"{}")


def test_who_waits_long_is_told_once(
    sides: tuple[HttpConnection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "SLOW_SECONDS", 0.01)
    connection, daemon = sides
    told = threading.Semaphore(0)

    def answer() -> None:
        told.acquire()
        daemon.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        daemon.sendall(b"{}")

    daemon_thread = threading.Thread(target=answer)
    daemon_thread.start()
    waiting = Outgoing("GET", "/", on_slow=told.release)
    assert connection.send(waiting).read() == b"{}"
    daemon_thread.join()
    assert not told.acquire(blocking=False)
    with pytest.raises(TimeoutError):
        connection.send(Outgoing("GET", "/", timeout=0.02, on_slow=told.release))
    assert told.acquire(blocking=False)


@pytest.mark.parametrize(
    "asked",
    [
        Outgoing("GET", "/a b"),
        Outgoing("GET", "/", {"X-Timezone": "UTC\r\nAuthorization: Bearer x"}),
        Outgoing("GET", "/a\r\nX: y"),
    ],
)
def test_nothing_slips_into_the_head(sides: tuple[HttpConnection, socket.socket], asked: Outgoing) -> None:
    connection, daemon = sides
    with pytest.raises(ValueError, match="control character"):
        connection.send(asked)
    daemon.setblocking(False)
    with pytest.raises(BlockingIOError):
        daemon.recv(1)
