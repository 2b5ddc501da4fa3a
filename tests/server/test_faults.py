"""What goes wrong in practice: kills, full disks, broken files. And what must never leak."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.client import Client
from openclaw_instructor.daemon.transport import Cancellation, Cancelled, health
from openclaw_instructor.errors import Busy, DaemonUnavailable, InvalidArguments, UnknownCollection, UnknownTask
from openclaw_instructor.server.app import App
from openclaw_instructor.server.http_protocol import HANG_UPS
from openclaw_instructor.server.http_server import MAX_CONNECTIONS
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from tests.server.serving import TOKEN, Local, ask, make_home, standing_in, wait_until

SECRETS = ("zanzibar", "quokka", "mirabelle", "ornithopter", "fandango", "kumquat")
# Seconds of work, however fast the machine is.
LONG = {
    "query": "which is it?",
    "candidates": [f"{number} a candidate of some length " * 14 for number in range(1_500)],
}


def test_the_client_offers_what_a_toolbox_does(client: Client, settings: Settings, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "refunds.md").write_text("# Refunds\n\nWrite to us to get your money back.\n")
    assert Client.running(settings) is None
    assert "search_docs" in [tool["name"] for tool in client.tools()]
    client.index_add("docs", [documents])
    seen: list[tuple[int, int, str]] = []
    report = client.index_sync("docs", lambda done, total, message: seen.append((done, total, message)))
    assert report["collections"][0]["added"] == 1
    assert seen
    assert [state["name"] for state in client.index_status()] == ["docs"]
    assert client.run("search_docs", {"query": "money back"})["hits"][0]["file"] == str(documents / "refunds.md")
    assert len(client.embeddings(["a", "b"], "query")["data"]) == 2
    client.index_remove("docs")
    with pytest.raises(UnknownCollection):
        client.index_sync("docs")
    with pytest.raises(UnknownTask, match="did you mean `search_docs`"):
        client.run("serch_docs", {})
    with pytest.raises(InvalidArguments, match="`query` is missing"):
        client.run("search_docs", {})
    with pytest.raises(InvalidArguments, match="not plain JSON"):
        client.run("search_docs", {"query": b"bytes"})
    assert Client.running(settings) is not None


def test_a_request_that_a_daemon_died_of_is_not_made_again(client: Client, settings: Settings) -> None:
    client.embeddings(["load the model"])
    first = lifecycle.ensure(settings)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.run, "semantic_match", LONG)
        wait_until(lambda: 'priority="interactive"} 0.0' not in metrics(settings))
        os.kill(first.pid, signal.SIGKILL)
        with pytest.raises(DaemonUnavailable, match="died while it worked on this request"):
            answer.result(90)
    # The next one starts another daemon, which knows of the first one's end.
    assert client.embeddings(["another text"])["data"]
    second = lifecycle.ensure(settings)
    assert (second.pid != first.pid, second.crashed) == (True, first.pid)


def metrics(settings: Settings) -> str:
    endpoint = lifecycle.announced(settings)
    text: str = ask(endpoint.url + "/metrics", token=endpoint.token).body if endpoint else ""
    return text


def test_a_daemon_that_breaks_off_every_time_is_given_up(client: Client, settings: Settings) -> None:
    gone = pytest.raises(DaemonUnavailable, match="broke the connection twice")
    with standing_in(settings, lambda path: None) as asked, gone:
        client.tools()
    assert asked == ["/v1/tools"] * 2


def test_a_request_that_a_stop_breaks_off_is_told_so(serve: Callable[..., Local]) -> None:
    """What the server does to requests that outlast the grace of a shutdown: it cancels their tasks."""
    local = serve()
    local.model.gate.clear()
    body = json.dumps({"query": "x", "candidates": ["y"]}).encode()
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {TOKEN}".encode())]
    place = {"method": "POST", "path": "/v1/tools/semantic_match", "headers": headers, "query_string": b""}
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask_and_cancel() -> None:
        app = App(local.toolbox, TOKEN, lambda known: {})
        call = asyncio.ensure_future(app({"type": "http", **place, HANG_UPS: set()}, receive, send))
        while not local.toolbox.engine.stats()["requests"]:
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.wait({call})
        local.model.gate.set()

    asyncio.run(ask_and_cancel())
    assert sent[0]["status"] == 503
    error = json.loads(sent[1]["body"])["error"]
    assert (error["code"], error["message"]) == ("daemon_unavailable", "the service is shutting down; try again")


def test_a_request_that_an_ending_daemon_refused_is_made_once_more(client: Client, settings: Settings) -> None:
    answers = [(503, {"error": {"code": "daemon_unavailable", "message": "shutting down"}}), (200, {"tools": []})]
    with standing_in(settings, lambda path: answers.pop(0)) as asked:
        assert client.tools() == []
    assert asked == ["/v1/tools"] * 2


def test_a_call_can_be_cancelled_and_its_work_is_dropped(client: Client, settings: Settings) -> None:
    client.embeddings(["load the model"])
    cancellation = Cancellation()

    def cancel_once_it_is_queued() -> None:
        wait_until(lambda: re.search(r'queue_texts\{priority="interactive"\} [1-9]', metrics(settings)))
        cancellation.cancel()

    threading.Thread(target=cancel_once_it_is_queued).start()
    with pytest.raises(Cancelled):
        client.run("semantic_match", LONG | {"query": "another"}, cancellation=cancellation)
    wait_until(lambda: "embedding_requests_dropped_total 1.0" in metrics(settings))
    with pytest.raises(Cancelled):
        client.run("semantic_match", LONG, cancellation=cancellation)


def test_a_daemon_that_does_not_answer_is_not_waited_for_without_end(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    os.kill(endpoint.pid, signal.SIGSTOP)
    late = pytest.raises(DaemonUnavailable, match=r"did not answer within 0.3 s")
    with Client(settings, endpoint, call_seconds=0.3) as client, late:
        client.tools()
    os.kill(endpoint.pid, signal.SIGCONT)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let a process have fewer connections")
def test_a_daemon_with_as_many_connections_as_it_takes_says_so_and_lives_on(client: Client, settings: Settings) -> None:
    client.tools()
    client.close()
    endpoint = lifecycle.running(settings)
    assert endpoint is not None
    assert endpoint.socket is not None
    with ExitStack() as opened:
        for _ in range(MAX_CONNECTIONS):
            opened.enter_context(socket.socket(socket.AF_UNIX)).connect(endpoint.socket)
        with pytest.raises(Busy, match="connections"):
            client.tools()
        assert lifecycle.running(settings) == endpoint

    def answers() -> bool:
        with suppress(Busy):
            return bool(client.tools())
        return False

    wait_until(answers)
    assert lifecycle.running(settings) == endpoint


def test_a_disk_that_is_full_for_the_log_stops_nothing(settings: Settings) -> None:
    settings.log_path.parent.mkdir(parents=True)
    settings.log_path.symlink_to("/dev/full")
    endpoint = lifecycle.ensure(settings)
    for _ in range(20):
        assert ask(endpoint.url + "/nowhere", token=endpoint.token).status == 404
    health = ask(endpoint.url + "/health", token=endpoint.token).body
    assert health["log_lines_lost"] >= 20
    assert lifecycle.stop(settings)


def test_a_log_that_cannot_be_opened_stops_nothing(settings: Settings) -> None:
    settings.log_path.parent.write_text("a file where the folder should be")
    endpoint = lifecycle.ensure(settings)
    assert ask(endpoint.url + "/v1/tools", token=endpoint.token).status == 200
    assert lifecycle.stop(settings)


def test_a_cache_and_an_index_that_cannot_be_opened_are_said(settings: Settings) -> None:
    (settings.home / "cache.db").mkdir()
    settings.index_path.mkdir()
    endpoint = lifecycle.ensure(settings)
    assert ask(endpoint.url + "/v1/embeddings", {"input": "still embedded"}, token=endpoint.token).status == 200
    health = ask(endpoint.url + "/health", token=endpoint.token).body
    assert "cache is off" in health["cache_problem"]
    assert health["index"] == {"ok": False, "problem": "store_error"}
    answer = ask(endpoint.url + "/v1/index", token=endpoint.token)
    assert answer.body["error"]["code"] == "store_error"
    assert str(settings.index_path) in answer.body["error"]["message"]


def test_a_registry_broken_while_running_keeps_the_tools_and_is_said(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    before = ask(endpoint.url + "/v1/tools", token=endpoint.token).body
    settings.instructions_path.write_text("version: 1\ntasks:\n\tsearch_docs: {}\n")
    wait_until(lambda: not ask(endpoint.url + "/health").body["registry"]["ok"])
    after = ask(endpoint.url + "/v1/tools", token=endpoint.token).body
    assert after["tools"] == before["tools"]
    assert f"{settings.instructions_path}:3" in after["problem"]
    assert f"{settings.instructions_path}:3" in (health(endpoint) or {})["registry"]["problem"]
    candidates = {"query": "x", "candidates": ["y"]}
    assert ask(endpoint.url + "/v1/tools/semantic_match", candidates, token=endpoint.token).status == 200
    settings.instructions_path.unlink()
    wait_until(lambda: ask(endpoint.url + "/health").body["registry"]["ok"])


def test_health_waits_for_no_download(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes").mkdir()
    with Toolbox(settings=settings) as toolbox:
        toolbox.index_add("docs", [tmp_path / "notes"])
        toolbox.index_sync("docs")
    hub = socket.create_server(("127.0.0.1", 0))  # takes a connection and never answers
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.getsockname()[1]}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    with settings.config_path.open("a") as file:
        file.write("checkpoint: someone/large\n")
    endpoint = lifecycle.ensure(Settings.load(settings.home))
    answer = ask(f"{endpoint.url}/health", token=endpoint.token, timeout=8)
    assert answer.body["index"] == {"ok": True, "collections": 1}
    hub.close()


def test_logs_metrics_and_state_never_hold_a_text(settings: Settings, tmp_path: Path) -> None:
    """Words are sent over every surface, well and ill formed; only the index of documents may keep its own."""
    text, mail, query, path, label, typed = SECRETS
    endpoint = lifecycle.ensure(settings)

    def send(route: str, body: object, **options: object) -> None:
        ask(endpoint.url + route, body, token=endpoint.token, **options)  # type: ignore[arg-type]

    send("/v1/embeddings", {"input": [text, f"{text} again"], "input_type": f"Represent the {typed}:"})
    send("/v1/embeddings", {"input": text, "input_type": typed, "model": typed})
    send("/v1/embeddings", f'{{"input": "{text}'.encode())
    send("/v1/tools/classify_email", {"subject": mail, "body": mail, "from": f"{mail}@example.org"})
    send("/v1/tools/classify_email", {"raw": f"Subject: {mail}\n\n{mail}", "labels": [label, f"{label} two"]})
    send("/v1/tools/semantic_match", {"query": query, "candidates": [query, text]})
    send("/v1/tools/search_docs", {"query": query})
    send("/v1/tools/search_docs", {"query": query, "collection": query, query: query})
    send(f"/v1/tools/{path}", {"query": query})
    send(f"/{path}?{path}={path}", None)
    send("/v1/index/sync", {"name": query})
    send(f"/v1/index?name={path}", None)
    call = {"name": "semantic_match", "arguments": {"query": query, "candidates": [text], text: text}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    send("/mcp", message, Accept="application/json, text/event-stream", Content_Type="application/json")
    send("/mcp", {"jsonrpc": "2.0", "id": 1, "method": query, "params": text}, Accept="application/json")
    exposed = metrics(settings).encode()
    assert b'task="semantic_match"' in exposed
    assert lifecycle.stop(settings)
    logged = b"".join(file.read_bytes() for file in settings.log_path.parent.iterdir())
    assert b"POST /v1/tools/{name}" in logged
    kept = b"".join(file.read_bytes() for file in settings.home.glob("*") if file.is_file())
    for secret in SECRETS:
        assert secret.encode() not in logged
        assert secret.encode() not in exposed
        assert secret.encode() not in kept


def test_an_exception_s_words_are_not_logged(settings: Settings) -> None:
    import logging

    from openclaw_instructor.server.logs import start

    file = start(settings.log_path, to_terminal=False)
    logger = logging.getLogger("openclaw_instructor.test")
    try:
        try:
            raise KeyError("zanzibar")
        except KeyError as error:
            raise ValueError("quokka") from error
    except ValueError:
        logger.exception("something failed")
    file.close()
    written = settings.log_path.read_text()
    assert "ValueError at" in written
    assert "KeyError at" in written
    assert "test_faults.py" in written
    assert "zanzibar" not in written
    assert "quokka" not in written
    logging.getLogger("openclaw_instructor").handlers = []
    logging.getLogger("openclaw_instructor").propagate = True
    logging.getLogger("uvicorn.error").handlers = []


def test_the_log_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    from openclaw_instructor.server import logs

    monkeypatch.setattr(logs, "FILE_BYTES", 2_000)
    file = logs.LogFile(tmp_path / "daemon.log")
    for number in range(200):
        file.emit(logging.makeLogRecord({"msg": f"line {number}", "levelname": "INFO", "name": "x"}))
    file.close()
    assert len(list(tmp_path.iterdir())) == logs.FILES + 1
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 10_000
    assert "line 199" in (tmp_path / "daemon.log").read_text()


def test_two_users_with_one_port_in_their_settings(tmp_path: Path) -> None:
    """The second user's daemon says that the port is taken, and the first one's refuses the second's token."""
    first = make_home(tmp_path / "one")
    endpoint = lifecycle.ensure(first)
    second = make_home(tmp_path / "two", port=endpoint.address[1])
    started = time.monotonic()
    with pytest.raises(Exception, match="another user's daemon has it"):
        lifecycle.ensure(second)
    assert time.monotonic() - started < lifecycle.START_SECONDS
    assert lifecycle.running(first) == endpoint
    lifecycle.stop(first)
