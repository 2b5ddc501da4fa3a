from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable

import pytest

from openclaw_instructor.daemon.endpoint import Endpoint
from openclaw_instructor.server import request_body
from openclaw_instructor.server.http_protocol import LimitedProtocol, Newcomers
from tests.server.serving import TOKEN, Local, ask

Serve = Callable[..., Local]

ROUTES = [
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/tools"),
    ("POST", "/v1/tools/search_docs"),
    ("POST", "/v1/embeddings"),
    ("GET", "/v1/models"),
    ("GET", "/v1/index"),
    ("POST", "/v1/index/add"),
    ("POST", "/v1/index/sync"),
    ("POST", "/v1/index/remove"),
    ("POST", "/mcp"),
    ("GET", "/nowhere"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("token", [None, "wrong", TOKEN + "x", TOKEN[:-1], ""])
def test_every_route_but_health_needs_the_token(daemon: Endpoint, method: str, path: str, token: str | None) -> None:
    answer = ask(daemon.url + path, b"{}" if method == "POST" else None, token=token, method=method)
    assert answer.status == 401
    assert answer.body["error"]["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Basic dXNlcg==", "Bearer", "Bearer \xff\xfe", "bearer  "])
def test_odd_authorization_is_refused(daemon: Endpoint, header: str) -> None:
    assert ask(daemon.url + "/v1/tools", Authorization=header).status == 401


def test_health_says_no_more_to_strangers_than_they_may_know(daemon: Endpoint) -> None:
    stranger = ask(daemon.url + "/health")
    known = ask(daemon.url + "/health", token=daemon.token)
    assert (stranger.status, known.status) == (200, 200)
    assert stranger.body["registry"].keys() == {"ok", "tasks"}
    assert "home" in known.body
    assert "home" not in json.dumps(stranger.body)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "[::2]:80",
        "10.0.0.1",
        "evil.example:80@127.0.0.1",
        "localhost#evil",
        "localhost/evil",
        "localhost:abc",
        "127.0.0.1, evil.example",
        "",
    ],
)
def test_a_rebound_name_is_refused(daemon: Endpoint, host: str) -> None:
    answer = ask(daemon.url + "/health", token=daemon.token, Host=host)
    assert (answer.status, answer.body["error"]["code"]) == (403, "forbidden_host")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1.evil.example",
        "null",
        "file://",
        "http://[",
        "http://evil.example@localhost",
        "//localhost",
        "http://localhost/evil",
    ],
)
def test_a_web_page_of_another_site_is_refused(daemon: Endpoint, origin: str) -> None:
    for path in ("/health", "/v1/embeddings", "/mcp"):
        answer = ask(daemon.url + path, b"{}", token=daemon.token, Origin=origin)
        assert (answer.status, answer.body["error"]["code"]) == (403, "forbidden_origin")


@pytest.mark.parametrize(
    ("repeated", "status"), [("Host: evil.example", 403), ("Origin: null", 403), ("Authorization: Bearer wrong", 401)]
)
@pytest.mark.parametrize("first", [True, False])
def test_a_header_that_decides_is_not_taken_from_two(daemon: Endpoint, repeated: str, status: int, first: bool) -> None:
    host = "{}:{}".format(*daemon.address)
    ours = [f"Host: {host}", f"Origin: http://{host}", f"Authorization: Bearer {daemon.token}"]
    lines = ["GET /v1/tools HTTP/1.1", *([repeated, *ours] if first else [*ours, repeated]), "Connection: close"]
    with socket.create_connection(daemon.address, timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 %d" % status)


def test_local_names_are_accepted(daemon: Endpoint) -> None:
    port = daemon.address[1]
    for host in (f"localhost:{port}", f"[::1]:{port}", "127.0.0.1"):
        assert ask(daemon.url + "/v1/tools", token=daemon.token, Host=host, Origin=f"http://{host}").status == 200


def test_a_body_of_100_mb_is_refused_and_the_sender_hears_it(daemon: Endpoint) -> None:
    answer = ask(daemon.url + "/v1/embeddings", b"x" * 100_000_000, token=daemon.token)
    assert (answer.status, answer.body["error"]["code"]) == (413, "too_large")
    assert "72 MiB" in answer.body["error"]["message"]
    # Without the token, too, and without its memory being taken.
    assert ask(daemon.url + "/v1/embeddings", b"x" * 100_000_000).status == 401
    assert ask(daemon.url + "/v1/tools", token=daemon.token).status == 200


def chunked(daemon: Endpoint, megabytes: int) -> bytes:
    head = f"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {daemon.token}\r\n"
    with socket.create_connection(daemon.address, timeout=300) as connection:
        connection.sendall((head + "Transfer-Encoding: chunked\r\n\r\n").encode())
        for _ in range(megabytes):
            connection.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        return connection.recv(65_536)


def test_a_body_of_unannounced_size_is_counted(daemon: Endpoint) -> None:
    assert chunked(daemon, 80).startswith(b"HTTP/1.1 413")
    assert chunked(daemon, 1).startswith(b"HTTP/1.1 400")


def closed_by_the_server(connection: socket.socket, feed: Callable[[], bytes]) -> bool:
    """Drip bytes until the server hangs up; False when it never does."""
    connection.settimeout(0.05)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            connection.sendall(feed())
            if connection.recv(1) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


@pytest.mark.parametrize("start", [b"", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_a_slow_loris_is_hung_up_on(serve: Serve, start: bytes) -> None:
    local = serve(head_seconds=0.3)
    host, port = local.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(start)
        assert closed_by_the_server(connection, lambda: b"a" if start else b"")


def test_a_slow_loris_on_a_kept_connection_is_hung_up_on(serve: Serve) -> None:
    local = serve(head_seconds=0.3)
    host, port = local.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
        assert closed_by_the_server(connection, lambda: b"a")


def test_a_head_without_end_is_refused(serve: Serve) -> None:
    local = serve()
    host, port = local.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX-Long: ")
        assert closed_by_the_server(connection, lambda: b"a" * 8_192)


def test_a_body_that_never_arrives_is_a_408(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.3)
    local = serve()
    host, port = local.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = f"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall((head + "Content-Length: 1000\r\n\r\n{").encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408")


def test_a_slow_client_does_not_hold_others_up(serve: Serve) -> None:
    local = serve()
    host, port = local.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(50)]
    for connection in slow:
        connection.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: ")
    assert local.ask("/v1/embeddings", {"input": "quick"}).status == 200
    for connection in slow:
        connection.close()


def test_idle_connections_take_no_place_from_others(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LimitedProtocol, "newcomers", Newcomers(20))
    local = serve()
    host, port = local.url.removeprefix("http://").split(":")
    kept = http.client.HTTPConnection(host, int(port), timeout=60)
    kept.request("GET", "/v1/tools", headers={"Authorization": f"Bearer {TOKEN}"})
    assert kept.getresponse().read()
    idle = [socket.create_connection((host, int(port))) for _ in range(100)]
    for connection in idle[::2]:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert ask(f"{local.url}/health").status == 200
    assert local.ask("/v1/embeddings", {"input": "honest"}).status == 200
    # The oldest go; whoever has shown a token stays.
    idle[1].settimeout(60)
    assert idle[1].recv(1) == b""
    first = kept.sock
    kept.request("GET", "/v1/tools", headers={"Authorization": f"Bearer {TOKEN}"})
    assert kept.getresponse().status == 200
    assert kept.sock is first
    for connection in (*idle, kept):
        connection.close()


def test_what_is_no_http_is_refused(daemon: Endpoint) -> None:
    with socket.create_connection(daemon.address, timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 400")


def test_unknown_routes_and_methods_are_said(daemon: Endpoint) -> None:
    missing = ask(daemon.url + "/v1/nothing", token=daemon.token)
    assert (missing.status, missing.body["error"]["code"]) == (404, "not_found")
    wrong = ask(daemon.url + "/v1/models", token=daemon.token, method="DELETE")
    assert (wrong.status, wrong.body["error"]["code"]) == (405, "method_not_allowed")


def test_a_body_of_a_million_values_is_refused(serve: Serve) -> None:
    """Each costs memory and the event loop's time; commas and brackets within a text are none."""
    local = serve()
    answer = local.ask("/v1/tools/classify_email", b'{"labels":[' + b"[1]," * 1_000_000 + b"1]}")
    assert (answer.status, answer.body["error"]["code"]) == (413, "too_large")
    told = local.ask("/v1/tools/classify_email", {"labels": "[{, " * 300_000})
    assert (told.status, told.body["error"]["code"]) == (400, "invalid_arguments")
