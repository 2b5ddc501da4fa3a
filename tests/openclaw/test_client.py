"""client.js, the plugin's HTTP client, in a real Node against a real server."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from openclaw_instructor.daemon.endpoint import CHALLENGE_HEADER, proof
from openclaw_instructor.openclaw import package

DRIVER = """
import { createDaemon } from %(module)s;
import { approvalFor } from %(approvals)s;
const [good, dead, socket] = [%(good)s, %(dead)s, %(socket)s];
const out = {};
const failed = (error) => ({ name: error.name, error: error.message });
const settle = (promise) => promise.then((value) => ({ value }), failed);
const printing = (...answers) => {
  const run = async (argv) => {
    run.argv.push(argv);
    const next = answers[Math.min(run.argv.length, answers.length) - 1];
    if (next instanceof Error) throw next;
    return typeof next === "string" ? { code: 0, stdout: next, stderr: "" } : next;
  };
  run.argv = [];
  return run;
};
const at = (url, token = "good") => JSON.stringify({ url, token });
const install = () => "uv tool install SOURCE";
const client = (run) => createDaemon(run, () => ["/opt/oi", "--home", "/data"], "openclaw-instructor", install);

let run = printing(at(good));
let daemon = client(run);
out.together = await Promise.all(["a", "b", "c"].map((name) => settle(daemon.call("echo", { name }))));
out.starts = run.argv;
out.refused = await settle(daemon.call("refuse", {}));
out.garbage = await settle(daemon.call("garbage", {}));
out.busy = await settle(daemon.call("busy", {}));

run = printing(at(dead), at(good));
daemon = client(run);
out.moved = await Promise.all([settle(daemon.call("echo", {})), settle(daemon.call("echo", {}))]);
out.movedStarts = run.argv.length;
run = printing(at(good, "old"), at(good));
out.renewed = await settle(client(run).call("echo", {}));
out.gone = await settle(client(printing(at(dead))).call("echo", {}));

let caller = new AbortController();
setTimeout(() => caller.abort(), 100);
out.aborted = await settle(client(printing(at(good))).call("slow", {}, caller.signal));
caller = new AbortController();
setTimeout(() => caller.abort(), 100);
out.abortedStart = await settle(client(() => new Promise(() => {})).call("echo", {}, caller.signal));

out.missing = await settle(client(printing(new Error("spawn /opt/oi ENOENT"))).call("echo", {}));
out.failed = await settle(client(printing({ code: 1, stdout: "", stderr: "error: port 7 is taken" })).call("echo", {}));
out.silent = await settle(client(printing("hello")).call("echo", {}));
run = printing({ code: 1, stdout: "", stderr: "no" }, at(good));
daemon = client(run);
await settle(daemon.call("echo", {}));
out.afterFailure = await settle(daemon.call("echo", {}));

// A daemon that proves itself, over TCP and over its socket; and a stranger in its place.
const known = { url: good, token: "owner", agent_token: "good", pid: 1, crashed: null };
const announced = (more) => JSON.stringify({ ...known, ...more });
out.proven = await settle(client(printing(announced({}))).call("echo", {}));
run = printing(announced({ url: %(stranger)s }), announced({}));
out.stranger = await settle(client(run).call("echo", {}));
out.strangerStarts = run.argv.length;
out.socket = await settle(client(printing(announced({ url: dead, socket }))).call("echo", {}));

// A daemon that breaks off: the same one goes on, another follows it in order, or it died.
const next = { same: announced({}), ended: announced({ pid: 2 }), died: announced({ pid: 2, crashed: 1 }) };
for (const [fate, after] of Object.entries(next)) {
  for (const effect of ["read", "write"]) {
    run = printing(announced({}), after);
    out[`${fate}-${effect}`] = await settle(client(run).call("break", { id: `${fate}-${effect}` }, undefined, effect));
  }
}
out.approvals = ["read", "write", "destroy"].map((effect) => approvalFor("label_mail", effect) ?? null);
console.log(JSON.stringify(out));
process.exit(0);
"""


class Daemon(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    busy = 2
    release = threading.Event()
    broken: ClassVar[dict[str, list[str | None]]] = {}
    port = 0

    def address_string(self) -> str:
        return "a client"

    def do_GET(self) -> None:
        self.answer(200, {"proof": proof("good", self.headers[CHALLENGE_HEADER], self.port)})

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        arguments = json.loads(self.rfile.read(int(self.headers["content-length"])))
        route, _, query = self.path.partition("?")
        assert query == "max_characters=12000"
        task = route.rpartition("/")[2]
        if self.headers["authorization"] != "Bearer good":
            self.answer(401, {"error": {"code": "unauthorized", "message": "wrong token"}})
        elif task == "refuse":
            message = "no collection `docs`; run: openclaw-instructor index add docs FOLDER"
            self.answer(400, {"error": {"code": "unknown_collection", "message": message}})
        elif task == "break" and len(keys := self.broken.setdefault(arguments["id"], [])) == 0:
            keys.append(self.headers["idempotency-key"])
            self.close_connection = True
        elif task == "garbage":
            self.answer(500, "<html>")
        elif task == "busy" and Daemon.busy:
            Daemon.busy -= 1
            self.answer(429, {"error": {"code": "busy", "message": "busy"}}, retry=0.05)
        else:
            if task == "slow":
                self.release.wait(20)
            if task == "break":
                keys.append(self.headers["idempotency-key"])
            self.answer(200, {"task": task, **arguments})

    def answer(self, status: int, body: object, retry: float | None = None) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        if retry:
            self.send_header("retry-after", str(retry))
        self.end_headers()
        self.wfile.write(data)


class Stranger(Daemon):
    """Holds the port of a daemon and not its token."""

    heard: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.heard.append(str(self.headers))
        self.answer(200, {"proof": "0" * 64})

    def do_POST(self) -> None:
        self.heard.append(str(self.headers))
        super().do_POST()


class SocketServer(ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)


@pytest.fixture(scope="module")
def seen(node: str, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> dict[str, Any]:
    """What one Node process saw in every situation."""
    server, stranger = (ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (Daemon, Stranger))
    Daemon.port = server.server_address[1]
    with tempfile.TemporaryDirectory() as short:
        private = SocketServer(f"{short}/daemon.sock", Daemon)  # type: ignore[arg-type]
        with serving(server), serving(stranger), serving(private):
            ports = {"good": Daemon.port, "stranger": stranger.server_address[1], "dead": free_port()}
            places = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
            places["socket"] = f"{short}/daemon.sock"
            return drive(node, tmp_path_factory.mktemp("client"), places)


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def drive(node: str, folder: Path, places: dict[str, str]) -> dict[str, Any]:
    for name in ("client.js", "transport.js", "approvals.js"):
        shutil.copyfile(Path(package.__file__).parent / name, folder / name)
    (folder / "package.json").write_text('{"type": "module"}')
    modules = {"module": (folder / "client.js").as_uri(), "approvals": (folder / "approvals.js").as_uri()}
    (folder / "driver.mjs").write_text(DRIVER % {name: json.dumps(value) for name, value in (modules | places).items()})
    try:
        done = subprocess.run([node, str(folder / "driver.mjs")], capture_output=True, text=True, timeout=300)
    finally:
        Daemon.release.set()
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


pytestmark = pytest.mark.openclaw


def test_concurrent_calls_share_one_start(seen: dict[str, Any]) -> None:
    assert [one["value"]["name"] for one in seen["together"]] == ["a", "b", "c"]
    assert seen["starts"] == [["/opt/oi", "--home", "/data", "daemon", "ensure", "--json"]]


def test_a_refusal_reaches_the_model_word_for_word(seen: dict[str, Any]) -> None:
    assert seen["refused"]["error"] == "no collection `docs`; run: openclaw-instructor index add docs FOLDER"
    assert "openclaw-instructor openclaw doctor" in seen["garbage"]["error"]


def test_a_busy_daemon_is_waited_for(seen: dict[str, Any]) -> None:
    assert seen["busy"] == {"value": {"task": "busy"}}


def test_a_daemon_that_went_away_is_started_once_for_everybody(seen: dict[str, Any]) -> None:
    assert [one["value"]["task"] for one in seen["moved"]] == ["echo", "echo"]
    assert seen["movedStarts"] == 2
    assert seen["renewed"] == {"value": {"task": "echo"}}
    assert "Call the tool again" in seen["gone"]["error"]


def test_a_caller_can_stop_a_call_and_a_start(seen: dict[str, Any]) -> None:
    assert seen["aborted"]["name"] == "AbortError"
    assert seen["abortedStart"]["name"] == "AbortError"


def test_a_program_that_cannot_start_says_what_the_user_should_do(seen: dict[str, Any]) -> None:
    assert "uv tool install SOURCE" in seen["missing"]["error"]
    assert "plugins.entries.openclaw-instructor.config.command" in seen["missing"]["error"]
    assert "port 7 is taken" in seen["failed"]["error"]
    assert "openclaw doctor" in seen["failed"]["error"]
    assert "update openclaw-instructor" in seen["silent"]["error"]
    assert seen["afterFailure"] == {"value": {"task": "echo"}}


def test_nothing_is_sent_to_a_stranger(seen: dict[str, Any]) -> None:
    assert seen["proven"] == {"value": {"task": "echo"}}
    assert seen["stranger"] == {"value": {"task": "echo"}}
    assert seen["strangerStarts"] == 2
    assert len(Stranger.heard) == 1
    assert "authorization" not in Stranger.heard[0].lower()
    assert seen["socket"] == {"value": {"task": "echo"}}


def test_only_what_may_be_sent_twice_is_sent_again(seen: dict[str, Any]) -> None:
    assert seen["same-read"]["value"]["task"] == seen["same-write"]["value"]["task"] == "break"
    assert Daemon.broken["same-read"] == [None, None]
    first, second = Daemon.broken["same-write"]
    assert first == second
    assert len(first or "") == 36
    assert seen["ended-read"]["value"]["task"] == "break"
    assert "ended while it worked on this call. Look at" in seen["ended-write"]["error"]
    for effect in ("read", "write"):
        assert "died while it worked on this call" in seen[f"died-{effect}"]["error"]
        assert len(Daemon.broken[f"died-{effect}"]) == 1


def test_the_owner_is_asked_about_what_changes_something(seen: dict[str, Any]) -> None:
    read, write, destroy = seen["approvals"]
    assert read is None
    assert write["requireApproval"]["severity"] == "warning"
    assert destroy["requireApproval"]["allowedDecisions"] == ["allow-once", "deny"]
    assert "label_mail" in destroy["requireApproval"]["description"]
