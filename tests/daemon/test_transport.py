"""A token goes to the daemon and to nobody else, whoever holds its port."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_instructor import __version__
from openclaw_instructor.daemon import lifecycle, transport
from openclaw_instructor.daemon.client import Client
from openclaw_instructor.daemon.endpoint import CHALLENGE_HEADER, Endpoint, socket_path
from openclaw_instructor.daemon.http_connection import Outgoing
from openclaw_instructor.daemon.transport import Cancellation, NotSent, Transport
from openclaw_instructor.errors import UnknownCollection, UnknownTask
from openclaw_instructor.settings import Settings
from tests.server.serving import TOKEN, Local, wait_until

SECRET = "my salary is confidential"
Serve = Callable[..., Local]


@pytest.fixture
def client() -> Iterator[Transport]:
    made = Transport()
    yield made
    made.close()


@contextmanager
def stranger(answer: Callable[[bytes], bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Somebody who listens on a port of this machine: its URL, and what it was told."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    while data := connection.recv(65_536):
                        heard.append(data)
                        connection.sendall(answer(data))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(60)


def post(client: Transport, endpoint: Endpoint) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {endpoint.token}", "Content-Type": "application/json"}
    body = json.dumps({"input": SECRET}).encode()
    with client.send(endpoint, Outgoing("POST", "/v1/embeddings", headers, body, 60)) as reply:
        answer: dict[str, object] = json.loads(reply.read())
        return answer


def response(body: object) -> bytes:
    content = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)


def announced(url: str) -> Endpoint:
    return Endpoint(url, TOKEN, os.getpid(), __version__)


def test_a_daemon_proves_itself_on_every_connection(serve: Serve, client: Transport) -> None:
    endpoint = announced(serve().url)
    for _ in range(3):
        assert post(client, endpoint)["object"] == "list"


def test_a_stranger_hears_neither_token_nor_text(client: Transport) -> None:
    with stranger(lambda data: response({"pid": os.getpid(), "proof": "0" * 64})) as (url, heard):
        with pytest.raises(NotSent, match="somebody else"):
            post(client, announced(url))
        assert transport.health(announced(url)) is None
    said = b"".join(heard)
    assert CHALLENGE_HEADER.lower().encode() in said.lower()
    assert TOKEN.encode() not in said
    assert announced(url).agent_token.encode() not in said
    assert SECRET.encode() not in said


@pytest.mark.parametrize(
    "answer",
    [
        response({"proof": "\ud800"}),
        b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"[" * 60_000,
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
    ids=["half a character", "deep", "another protocol"],
)
def test_whatever_a_stranger_answers_is_no_proof(client: Transport, answer: bytes) -> None:
    with stranger(lambda data: answer) as (url, _):
        with pytest.raises(NotSent):
            post(client, announced(url))
        assert transport.health(announced(url)) is None


def test_a_stranger_who_answers_byte_by_byte_is_not_waited_for(client: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n")
                for _ in range(600):
                    connection.sendall(b" ")
                    time.sleep(0.05)

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        began = time.monotonic()
        assert transport.health(announced(f"http://127.0.0.1:{listener.getsockname()[1]}"), 0.3) is None
        assert time.monotonic() - began < 10
        thread.join(60)


def test_a_stranger_who_asks_the_real_daemon_has_no_proof_for_its_own_port(serve: Serve, client: Transport) -> None:
    local = serve()

    def relay(data: bytes) -> bytes:
        head = dict(line.split(": ", 1) for line in data.decode().split("\r\n")[1:] if ": " in line)
        challenge = {name: value for name, value in head.items() if name.lower() == CHALLENGE_HEADER.lower()}
        connection = http.client.HTTPConnection(local.url.removeprefix("http://"), timeout=60)
        connection.request("GET", "/health", headers=challenge)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return response(answer)

    with stranger(relay) as (url, heard), pytest.raises(NotSent, match="somebody else"):
        post(client, announced(url))
    assert TOKEN.encode() not in b"".join(heard)


def test_a_client_that_outlives_its_daemon_tells_its_successor_on_the_port_nothing(
    settings: Settings, client: Transport
) -> None:
    endpoint = replace(lifecycle.ensure(settings), socket=None)
    post(client, endpoint)
    lifecycle.stop(settings)
    port = endpoint.address[1]
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", port)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65_536))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        with pytest.raises(NotSent):
            post(client, endpoint)
        thread.join(60)
    assert endpoint.token.encode() not in b"".join(heard)
    assert SECRET.encode() not in b"".join(heard)


def test_the_socket_is_used_where_there_is_one(settings: Settings, client: Transport) -> None:
    endpoint = lifecycle.ensure(settings)
    assert endpoint.socket == str(socket_path(settings))
    # Nobody answers at this URL.
    assert post(client, replace(endpoint, url="http://127.0.0.1:9"))["object"] == "list"
    lifecycle.stop(settings)
    with pytest.raises(NotSent):
        post(client, endpoint)


def test_a_cancellation_after_the_end_leaves_the_connection_to_others(serve: Serve, client: Transport) -> None:
    endpoint = announced(serve().url)
    cancellation = Cancellation()
    with client.send(endpoint, Outgoing("GET", "/health", timeout=60), cancellation) as reply:
        first = reply.read()
    cancellation.cancel()
    [(_, kept, _)] = client._idle
    with client.send(endpoint, Outgoing("GET", "/health", timeout=60)) as reply:
        assert json.loads(reply.read()).keys() == json.loads(first).keys()
    assert [connection for _, connection, _ in client._idle] == [kept]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse as if nobody listened")
def test_a_daemon_to_which_many_connect_at_once_is_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with ExitStack() as opened:
        listener = opened.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(1)
        with suppress(BlockingIOError):
            while True:
                other = opened.enter_context(socket.socket(socket.AF_UNIX))
                other.setblocking(False)
                other.connect(path)

        def accept() -> None:
            time.sleep(0.2)
            while True:
                connection = opened.enter_context(listener.accept()[0])
                connection.settimeout(0.1)
                with suppress(TimeoutError):
                    if connection.recv(65_536):
                        connection.sendall(response({"pid": os.getpid()}))
                        return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        assert transport.health(replace(announced("http://127.0.0.1:9"), socket=path), 60)
        thread.join(60)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have shorter queues")
def test_more_than_a_hundred_may_wait_to_be_accepted(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    assert endpoint.socket is not None
    os.kill(endpoint.pid, signal.SIGSTOP)
    try:
        with ExitStack() as opened:
            for _ in range(120):
                waiting = opened.enter_context(socket.socket(socket.AF_UNIX))
                waiting.setblocking(False)
                waiting.connect(endpoint.socket)
    finally:
        os.kill(endpoint.pid, signal.SIGCONT)
    lifecycle.stop(settings)


def test_a_forked_process_has_connections_of_its_own(serve: Serve, client: Transport) -> None:
    endpoint = announced(serve().url)
    post(client, endpoint)
    [(_, kept, _)] = client._idle
    process = os.fork()
    if process == 0:
        try:
            post(client, endpoint)
            os._exit(client._idle[0][1] is kept)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    post(client, endpoint)
    assert [connection for _, connection, _ in client._idle] == [kept]


@pytest.mark.parametrize("name", ["\udcff", "\ud800x", "a/b?c#d&e=f %41+ü€"])
def test_a_name_that_no_path_takes_as_it_is_is_asked_for(serve: Serve, settings: Settings, name: str) -> None:
    shown = name.encode("utf-8", "surrogatepass").decode(errors="replace")
    with Client(settings, announced(serve().url)) as calling:
        with pytest.raises(UnknownCollection, match=re.escape(f"`{shown}`")):
            calling.index_status(name)
        with pytest.raises(UnknownCollection, match=re.escape(f"`{shown}`")):
            calling.index_files(name, path=name)
        with pytest.raises(UnknownTask):
            calling.run("\ud800", {})


def test_a_path_that_is_too_long_for_a_socket_is_done_without(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    assert socket_path(Settings(home=home)) is None
    assert socket_path(Settings(home=Path("/home/somebody/.local/share/openclaw-instructor"))) is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_another_user_reaches_neither_the_socket_nor_the_token(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    assert endpoint.socket is not None
    for folder in settings.home.parents[:3]:
        folder.chmod(0o755)
    process = os.fork()
    if process == 0:
        os.setgid(12_345)
        os.setuid(12_345)
        refused = 0
        for attempt in (
            lambda: socket.socket(socket.AF_UNIX).connect(endpoint.socket),
            lambda: (settings.home / "token").read_text(),
            lambda: settings.daemon_path.read_text(),
            lambda: (settings.home / "daemon.sock").unlink(),
        ):
            try:
                attempt()
            except PermissionError:
                refused += 1
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 4
    lifecycle.stop(settings)
    wait_until(lambda: not lifecycle.announced(settings))
