"""client.js, the plugin's HTTP client, in a real Node against a real server."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.openclaw import package

DRIVER = """
import { createDaemon } from %(module)s;
const [good, dead] = [%(good)s, %(dead)s];
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
const client = (run) => createDaemon(run, () => ["/opt/oi", "--home", "/data"], "openclaw-instructor");

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
console.log(JSON.stringify(out));
process.exit(0);
"""


class Daemon(BaseHTTPRequestHandler):
    busy = 2
    release = threading.Event()

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
        elif task == "garbage":
            self.answer(500, "<html>")
        elif task == "busy" and Daemon.busy:
            Daemon.busy -= 1
            self.answer(429, {"error": {"code": "busy", "message": "busy"}}, retry=0.05)
        else:
            if task == "slow":
                self.release.wait(20)
            self.answer(200, {"task": task, **arguments})

    def answer(self, status: int, body: object, retry: float | None = None) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        if retry:
            self.send_header("retry-after", str(retry))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def seen(node: str, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> dict[str, Any]:
    """What one Node process saw in every situation."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Daemon)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    folder = tmp_path_factory.mktemp("client")
    module = folder / "daemon.mjs"
    shutil.copyfile(Path(package.__file__).parent / "client.js", module)
    urls = {"good": server.server_address[1], "dead": free_port()}
    values = {name: json.dumps(f"http://127.0.0.1:{port}") for name, port in urls.items()}
    (folder / "driver.mjs").write_text(DRIVER % {"module": json.dumps(module.as_uri()), **values})
    try:
        done = subprocess.run([node, str(folder / "driver.mjs")], capture_output=True, text=True, timeout=300)
    finally:
        Daemon.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
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
    assert "uv tool install openclaw-instructor" in seen["missing"]["error"]
    assert "plugins.entries.openclaw-instructor.config.command" in seen["missing"]["error"]
    assert "port 7 is taken" in seen["failed"]["error"]
    assert "openclaw doctor" in seen["failed"]["error"]
    assert "update openclaw-instructor" in seen["silent"]["error"]
    assert seen["afterFailure"] == {"value": {"task": "echo"}}
